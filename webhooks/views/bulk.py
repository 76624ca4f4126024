"""Replaying many events: asked once with their number, then done in steps that can be watched."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from gateway.lib import ids
from gateway.lib.html import page
from gateway.tenants.principals import of_user
from webhooks import services
from webhooks.forms import BulkForm, EventFilter
from webhooks.models import Event
from webhooks.states import FINAL

MAX_EVENTS = 1000
STEP = 50


@dataclass(frozen=True)
class Progress:
    """How far it is: how many were asked for, ordered and refused, and the last one's id."""

    total: int
    ordered: int = 0
    refused: int = 0
    after: str = ""
    until: str = ""
    is_over: bool = False

    @property
    def done(self) -> int:
        """How many were tried."""
        return self.ordered + self.refused


@page("webhooks.replay_event")
def replay_many(request: Any) -> HttpResponse:
    """GET says how many events there are to replay, POST replays the next few of them."""
    query = request.GET
    chosen = _chosen(request.environment, query)
    ready = chosen.filter(status__in=FINAL, body__isnull=False).order_by("-pk")
    form = BulkForm(request.POST) if request.method == "POST" else None
    context: dict[str, Any] = {"query": query.urlencode(), "most": MAX_EVENTS}
    if form is not None and form.is_valid():
        progress = _step(request, ready, Progress(**form.cleaned_data))
        return render(request, "webhooks/replay_progress.html", {**context, "progress": progress})
    found, count = ready.first(), ready.count()
    context |= {
        "progress": Progress(total=min(count, MAX_EVENTS), until=found.public_id if found else ""),
        "count": count,
        "others": chosen.count() - count,
        "is_selection": "event" in query,
    }
    status = 200 if form is None else 422
    return render(request, "webhooks/replay_many.html", context, status=status)


def _chosen(environment: Any, query: QueryDict) -> Any:
    """The ticked events, or all that fit the filters of the list."""
    events = Event.objects.within(environment).select_related("source", "environment__tenant")
    if "event" in query:
        return events.filter(pk__in=_ids(query.getlist("event")[:MAX_EVENTS]))
    return EventFilter(query).narrow(events)


def _ids(texts: list[str]) -> list[Any]:
    found = []
    for text in texts:
        try:
            found.append(ids.decode(Event.PREFIX, text))
        except ids.BadId:
            continue
    return found


def _step(request: Any, ready: Any, before: Progress) -> Progress:
    """Order the next few, from the newest that was there when it was asked to the oldest.

    What one of them refuses stops no other.
    """
    left = max(0, min(before.total, MAX_EVENTS) - before.done)
    rows = ready.filter(pk__lte=ids.decode(Event.PREFIX, before.until))
    if before.after:
        rows = rows.filter(pk__lt=ids.decode(Event.PREFIX, before.after))
    by = of_user(request.user, request.environment)
    events = list(rows[: min(STEP, left)])
    results = services.replay_many(events, by=by)
    refused = before.refused + sum(1 for result in results if result.code)
    ordered = before.ordered + sum(1 for result in results if not result.code)
    last = events[-1].public_id if events else before.after
    is_over = len(events) < STEP or ordered + refused >= min(before.total, MAX_EVENTS)
    return Progress(before.total, ordered, refused, last, before.until, is_over=is_over)
