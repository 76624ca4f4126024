"""Pages of the tools: read only, tools are changed through the API."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from gateway.lib.html import csv_answer, page, paged
from gateway.tools.forms import ToolFilter
from gateway.tools.models import Tool

CSV_HEADER = ("id", "name", "class", "retry", "risk", "connector", "operation", "on", "created")


def _tools(request: Any) -> Any:
    tools = Tool.objects.within(request.environment).filter(archived_at__isnull=True)
    return tools.filter(current__isnull=False).select_related("current__connection")


@page("tools.view_tool")
def index(request: HttpRequest) -> HttpResponse:
    """Every tool of the environment."""
    filters = ToolFilter(request.GET)
    tools = filters.narrow(_tools(request))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "tools", header=CSV_HEADER, rows=map(_cells, tools))
    page_obj = paged(request, tools)
    context = {"rows": page_obj.object_list, "page_obj": page_obj, "filters": filters}
    return render(request, "tools/list.html", context)


@page("tools.view_tool")
def detail(request: HttpRequest, tool: str) -> HttpResponse:
    """One tool: its class, its request, its schema."""
    found = get_object_or_404(_tools(request).public(tool))
    versions = found.versions.order_by("-number")
    return render(request, "tools/detail.html", {"tool": found, "versions": versions})


def _cells(tool: Any) -> tuple[object, ...]:
    now = tool.current
    kind = (now.side_effect, now.retry_class, now.risk, now.connector, now.operation)
    return (tool.public_id, tool.name, *kind, tool.is_enabled, tool.created_at)
