"""What the pages of one connection share: finding it, and the way back to it."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from gateway.connections.models import Connection
from gateway.tenants.models import Environment

VIEW, CHANGE = "connections.view_connection", "connections.change_connection"


def connections(request: Any) -> Any:
    """The connections of the page's environment, with what was issued for them."""
    rows = Connection.objects.within(request.environment)
    return rows.select_related("token", "environment__tenant").order_by("slug")


def connection_of(request: Any, public_id: str) -> Connection:
    """The connection with this id; one of another environment does not exist here (404)."""
    found: Connection = get_object_or_404(connections(request).public(public_id))
    return found


def open_one(request: Any, public_id: str) -> Connection:
    """The same, unless it is archived: an archived one is only looked at."""
    rows = connections(request).filter(archived_at=None)
    found: Connection = get_object_or_404(rows.public(public_id))
    return found


def to(connection: Connection, name: str = "connections:detail") -> HttpResponse:
    """On to the connection's page, or another of its pages."""
    place = connection.environment
    return redirect(
        name,
        tenant=place.tenant.slug,
        environment=place.slug,
        connection=connection.public_id,
    )


def redirect_uri(environment: Environment) -> str:
    """Where services send the browser back: what is entered as redirect address there."""
    where = {"tenant": environment.tenant.slug, "environment": environment.slug}
    return f"{settings.PUBLIC_URL}{reverse('connections:callback', kwargs=where)}"
