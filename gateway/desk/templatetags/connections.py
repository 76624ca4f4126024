"""Tools beside connections. They lie above them, so the roof looks."""

from collections import defaultdict
from typing import Any

from django import template

from gateway.tools.models import Tool

register = template.Library()


@register.simple_tag(takes_context=True)
def tools_by_connection(context: template.Context) -> dict[Any, list[Tool]]:
    """The tools of this environment by the connection that they are carried out with now."""
    rows = Tool.objects.within(context["request"].environment).filter(archived_at=None)
    found: defaultdict[Any, list[Tool]] = defaultdict(list)
    for tool in rows.filter(current__connection__isnull=False).select_related("current"):
        found[tool.current and tool.current.connection_id].append(tool)
    return dict(found)


@register.filter
def tools_of(found: dict[Any, list[Tool]], connection: Any) -> list[Tool]:
    """Those of one connection, by name."""
    return found.get(connection.pk, [])
