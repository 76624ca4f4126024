"""Connect: to the service's consent page and back, and the end of it."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.connections import services
from gateway.connections.models import Connection
from gateway.connections.presets import preset_of
from gateway.connections.views.lookup import CHANGE, connections, open_one, redirect_uri, to
from gateway.lib.errors import DomainError
from gateway.lib.html import page
from gateway.lib.sealing import CannotUnseal

# In the session: state -> which connection, and what has to come back unchanged, sealed.
PENDING = "connecting"
# Tabs that were opened and left; the oldest is forgotten.
MOST_PENDING = 5
UNKNOWN = _(
    "This answer belongs to no consent that was begun in this browser, or it came a second time. "
    "Nothing is connected by it: begin again on the connection's page."
)


@page(CHANGE)
def connect(request: Any, connection: str) -> HttpResponse:
    """GET says where it goes and what will be asked for, POST sends the browser there."""
    found = open_one(request, connection)
    uri = redirect_uri(request.environment)
    try:
        start = services.begin(found, redirect_uri=uri)
    except DomainError as error:
        messages.error(request, error.detail)
        return to(found)
    if request.method == "POST":
        kept = dict(list(request.session.get(PENDING, {}).items())[1 - MOST_PENDING :])
        kept[start.state] = {"connection": found.public_id, "sealed": start.pending}
        request.session[PENDING] = kept
        return redirect(start.url)
    parts = urlsplit(start.url)
    context = {
        "connection": found, "preset": preset_of(found.config), "host": parts.netloc,
        "redirect_uri": uri, "scopes": str(found.config.get("scopes", "")).split(),
    }  # fmt: skip
    answer = render(request, "connections/connect.html", context)
    # The form's answer leads there, which browsers count as the form's own target.
    answer._csp_update = {"form-action": [f"{parts.scheme}://{parts.netloc}"]}  # type: ignore[attr-defined]
    return answer


@page(CHANGE)
def callback(request: Any) -> HttpResponse:
    """Where the service sends the browser back: with a code for the state, or with an error."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    state = request.GET.get("state", "")
    pending = dict(request.session.get(PENDING, {}))
    kept = pending.pop(state, None)
    if kept is None:
        return _failed(request, None, str(UNKNOWN))
    request.session[PENDING] = pending
    found = connections(request).public(kept["connection"]).first()
    if found is None:
        return _failed(request, None, str(UNKNOWN))
    code = request.GET.get("code", "")
    if not code or "error" in request.GET:
        told = services.refused(
            found,
            code=request.GET.get("error"),
            detail=request.GET.get("error_description"),
        )
        return _failed(request, found, gettext("The service refused: {error}").format(error=told))
    try:
        made = services.finish(found, state=state, pending=kept["sealed"], code=code)
    except (DomainError, CannotUnseal) as error:
        return _failed(request, found, str(error))
    messages.success(request, gettext("{name} is connected.").format(name=made.slug))
    return to(made)


@page(CHANGE)
def disconnect(request: Any, connection: str) -> HttpResponse:
    """GET asks again, POST revokes and forgets what was issued."""
    found = open_one(request, connection)
    if request.method != "POST" and found.rules.has_consent:
        return render(request, "connections/disconnect.html", {"connection": found})
    if request.method != "POST":
        return to(found)
    try:
        note = services.disconnect(found)
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(
            request, gettext("{name} is disconnected. {note}").format(name=found.slug, note=note)
        )
    return to(found)


def _failed(request: Any, connection: Connection | None, reason: str) -> HttpResponse:
    context = {"connection": connection, "reason": reason}
    answer = render(request, "connections/refused.html", context, status=400)
    answer["Cache-Control"] = "no-store"
    return answer
