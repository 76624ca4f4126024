"""The sources page and one source, read only; `configure` changes them."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from gateway.lib.html import csv_answer, page, paged
from webhooks.forms import SourceFilter
from webhooks.models import Event, Refusal, Source
from webhooks.views.lookup import CHANGE, open_sources, source_of
from webhooks.views.refusals import sees_unknown, unknown_refusals, whole_chart
from webhooks.views.source_page import REFUSAL_DAYS, SourcePage

CSV_HEADER = ("id", "slug", "name", "scheme", "on", "events", "refused", "last_event")


def _counted(sources: Any) -> Any:
    """Sources with how many events they accepted, and refused lately."""
    since = timezone.now() - timedelta(days=REFUSAL_DAYS)
    events = Event.objects.filter(source=OuterRef("pk")).order_by().values("source")
    refused = Refusal.objects.filter(source=OuterRef("pk"), hour__gte=since)
    return sources.annotate(
        accepted=Subquery(events.annotate(n=Count("pk")).values("n")),
        refused=Subquery(refused.order_by().values("source").annotate(n=Sum("count")).values("n")),
    )


@page("webhooks.view_source")
def index(request: Any) -> HttpResponse:
    """Every source of the environment."""
    form = SourceFilter(request.GET)
    sources = _counted(form.narrow(open_sources(request)))
    if request.GET.get("format") == "csv":
        return csv_answer(request, "sources", header=CSV_HEADER, rows=map(_cells, sources))
    page_obj = paged(request, sources)
    rows = [(source, SourcePage(source)) for source in page_obj.object_list]
    may_change = request.user.has_perm(CHANGE, request.environment)
    context = {
        "page_obj": page_obj,
        "rows": rows,
        "filters": form,
        "may_change": may_change,
        "unknown": _unknown(request),
    }
    return render(request, "webhooks/sources.html", context)


def _unknown(request: Any) -> int | None:
    """How many deliveries came to addresses of no source; None for who may not know."""
    if not sees_unknown(request.user, request.environment):
        return None
    since = timezone.now() - timedelta(days=REFUSAL_DAYS)
    return unknown_refusals().filter(hour__gte=since).aggregate(n=Sum("count"))["n"] or 0


@page("webhooks.view_source")
def detail(request: Any, source: str) -> HttpResponse:
    """One source: its address, secrets by last use, refusals by reason, routes."""
    found = source_of(request, source)
    may_change = request.user.has_perm(CHANGE, request.environment)
    refusals = Refusal.objects.filter(source=found)
    context = {
        "page": SourcePage(found),
        "may_change": may_change,
        "chart": whole_chart(refusals, span="hours", now=timezone.now()),
    }
    return render(request, "webhooks/source.html", context)


def _cells(source: Source) -> tuple[object, ...]:
    counts = (source.accepted or 0, source.refused or 0)  # type: ignore[attr-defined]
    what = (source.public_id, source.slug, source.name, source.scheme, source.is_enabled)
    return (*what, *counts, source.last_event_at)
