"""The events page, one event, its replay and its release."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.db.models import Sum
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import DomainError
from gateway.lib.html import csv_answer, page, paged, show
from gateway.tenants.principals import of_user
from webhooks import services
from webhooks.forms import EventFilter
from webhooks.models import Event, Refusal
from webhooks.views.pages import VIEW_BODY, EventPage

CSV_HEADER = ("id", "source", "type", "provider_id", "status", "copies", "received", "reason")
FILTERS = ("q", "source", "status", "copies")
HEADINGS = {"replay": _("Replay event"), "release": _("Release event")}
ORDERED = {
    "replay": _("Replay ordered: it is processed in a moment."),
    "release": _("Release ordered: it is processed in a moment."),
}

# What somebody looks for who comes to mend something.
QUICK = (
    ("status", "dead", "skull", _("Dead")),
    ("status", "quarantined", "lock", _("Quarantined")),
    ("copies", "1", "copy", _("Came again")),
)


@page("webhooks.view_event")
def index(request: Any) -> HttpResponse:
    """Every accepted event of the environment, newest first."""
    form = EventFilter(request.GET)
    events = form.narrow(Event.objects.within(request.environment)).for_lists()
    if request.GET.get("format") == "csv":
        return csv_answer(request, "events", header=CSV_HEADER, rows=map(_cells, events))
    page_obj = paged(request, events)
    context = {
        "page_obj": page_obj,
        "rows": page_obj.object_list,
        "filters": [form[name] for name in FILTERS],
        "today": _today(request.environment),
        "may_replay": request.user.has_perm("webhooks.replay_event", request.environment),
        "quick": QUICK,
    }
    return show(request, "webhooks/events.html", fragment="webhooks/_events.html", context=context)


@page("webhooks.view_event")
def detail(request: Any, event: str) -> HttpResponse:
    """One event; with `body=1`, for who may, its raw body, which is recorded."""
    found = _find(request, event)
    with_body = "body" in request.GET and request.user.has_perm(VIEW_BODY, request.environment)
    if with_body:
        audit.record(
            AuditAction.EVENT_BODY_READ,
            target=Target("event", found.public_id),
            scope=request.environment.audit_scope,
        )
    context = {"page": EventPage(request, found, with_body=with_body)}
    return show(request, "webhooks/event.html", fragment="webhooks/_event.html", context=context)


@page("webhooks.replay_event")
def replay(request: Any, event: str) -> HttpResponse:
    """GET asks again, POST has the event processed once more."""
    as_new = "as_new" in request.POST
    return _order(request, event, "replay", partial(services.replay, as_new=as_new))


@page("webhooks.release_event")
def release(request: Any, event: str) -> HttpResponse:
    """GET asks again, POST takes the event out of quarantine."""
    return _order(request, event, "release", services.release)


def _order(request: Any, event: str, kind: str, order: Any) -> HttpResponse:
    shown = EventPage(request, _find(request, event))
    if request.method != "POST":
        context = {
            "page": shown,
            "heading": HEADINGS[kind],
            "form_template": f"webhooks/_{kind}_form.html",
            "as_new": "as_new" in request.GET,
        }
        return render(request, "webhooks/confirm.html", context)
    try:
        order(event=shown.event, by=of_user(request.user, request.environment))
    except DomainError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, ORDERED[kind])
    return redirect(shown.url)


def _find(request: Any, event: str) -> Event:
    rows = Event.objects.within(request.environment).public(event)
    return get_object_or_404(
        rows.select_related("source__provider", "environment__tenant", "delivery")
    )


def _today(environment: Any) -> dict[str, int]:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    accepted = Event.objects.within(environment).filter(received_at__gte=midnight).count()
    refused = Refusal.objects.filter(source__environment=environment, hour__gte=midnight)
    total = refused.aggregate(total=Sum("count"))["total"]
    return {"accepted": accepted, "refused": total or 0}


def _cells(event: Event) -> tuple[object, ...]:
    what = (event.source.slug, event.event_type, event.event_id, event.status, event.duplicates)
    return (event.public_id, *what, event.received_at, event.reason)
