"""The list of connections and one of them, read only."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext

from gateway.connections import accounts, services
from gateway.connections.forms import ConnectionFilter
from gateway.connections.limits import LIMITS
from gateway.connections.models import Connection
from gateway.connections.presets import preset_of
from gateway.connections.views.lookup import CHANGE, VIEW, connection_of, connections
from gateway.lib.html import csv_answer, page, paged

CSV_HEADER = (
    "id", "slug", "name", "kind", "state", "region", "fingerprint", "revision", "value_since",
    "rotate_at", "expires_at", "token_expires_at", "last_used_at", "created_at",
)  # fmt: skip
# What a page shows in words of its own.
SHOWN_APART = frozenset({"preset"})


@page(VIEW)
def index(request: Any) -> HttpResponse:
    """Every connection of the environment and how it stands."""
    filters, now = ConnectionFilter(request.GET), timezone.now()
    found = [(row, services.standing(row, now=now)) for row in filters.narrow(connections(request))]
    rows = [(row, stands) for row, stands in found if filters.fits(stands)]
    if request.GET.get("format") == "csv":
        cells = (_cells(row, stands) for row, stands in rows)
        return csv_answer(request, "connections", header=CSV_HEADER, rows=cells)
    page_obj = paged(request, rows)
    context = {
        "rows": page_obj.object_list,
        "page_obj": page_obj,
        "filters": filters,
        "attention": sum(stands.needs_attention for _, stands in found),
        "may_change": request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "connections/list.html", context)


@page(VIEW)
def detail(request: Any, connection: str) -> HttpResponse:
    """One connection: its credential's age and end, its token, its service, its limits."""
    found = connection_of(request, connection)
    context = {
        "connection": found,
        "stands": services.standing(found, now=timezone.now()),
        "token": services.token_of(found),
        "preset": preset_of(found.config),
        "settings": _settings(found),
        "limits": [(limit, found.limits.get(name)) for name, limit in LIMITS.items()],
        "hosts": accounts.health_of(found),
        "told": accounts.told_to(found),
        "can_try": _can_try(found),
        "may_change": found.archived_at is None
        and request.user.has_perm(CHANGE, request.environment),
    }
    return render(request, "connections/detail.html", context)


def _settings(connection: Connection) -> list[tuple[str, str]]:
    """Labels and what is set, in the kind's order."""
    fields = connection.rules.fields
    return [
        (gettext(field.label), text)
        for field in fields
        if field.name not in SHOWN_APART
        and (text := connection.rules.get(connection.config, field.name))
    ]


def _can_try(connection: Connection) -> bool:
    rules = connection.rules
    return rules.issues or rules.name == "dsn" or bool(connection.config.get("check_url"))


def _cells(connection: Connection, stands: services.Standing) -> tuple[object, ...]:
    token = services.token_of(connection)
    what = (connection.public_id, connection.slug, connection.name, connection.kind, stands.state)
    value = (connection.region, connection.fingerprint, connection.revision)
    times = (connection.value_since, connection.rotate_at, connection.expires_at)
    ends = token.expires_at if token else None
    return (*what, *value, *times, ends, connection.last_used_at, connection.created_at)
