"""How many deliveries were refused, why and when, and what to do; nothing of them was kept."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.lib.html import csv_answer, page, paged
from gateway.tenants.models import Tenant, User
from webhooks.models import Refusal, Source
from webhooks.refusals import Meaning, meaning_of
from webhooks.views.charts import Spark, spark
from webhooks.views.source_page import SourcePage

HOURS = 72
DAYS = 30
SPANS = {"hours": _("Hours of 3 days"), "days": _("Days of 30")}
CSV_HEADER = ("hour", "reason", "count", "last", "meaning", "what to do")


@dataclass(frozen=True)
class ReasonRow:
    """One reason over the span: its bars, its sum and when it last happened."""

    reason: str
    total: int
    latest: datetime
    chart: Spark
    meaning: Meaning


def buckets(span: str, now: datetime) -> list[datetime]:
    """The beginnings of the hours or days of a span, the oldest first."""
    if span == "days":
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        return [midnight - timedelta(days=back) for back in reversed(range(DAYS))]
    hour = now.replace(minute=0, second=0, microsecond=0)
    return [hour - timedelta(hours=back) for back in reversed(range(HOURS))]


def reason_rows(refusals: QuerySet[Refusal], *, span: str, now: datetime) -> list[ReasonRow]:
    """Every reason of the span, the most frequent first."""
    starts = buckets(span, now)
    counts: dict[str, dict[datetime, int]] = defaultdict(lambda: dict.fromkeys(starts, 0))
    latest: dict[str, datetime] = {}
    for row in refusals.filter(hour__gte=starts[0]).order_by("hour"):
        start = _bucket(row.hour, span)
        if start in counts[row.reason]:
            counts[row.reason][start] += row.count
            latest[row.reason] = max(row.last_at, latest.get(row.reason, row.last_at))
    rows = [
        ReasonRow(
            reason=reason,
            total=sum(found.values()),
            latest=latest[reason],
            chart=chart_of(list(found.items()), span=span, label=reason.replace("_", " ")),
            meaning=meaning_of(reason),
        )
        for reason, found in counts.items()
        if reason in latest
    ]
    return sorted(rows, key=lambda row: -row.total)


def chart_of(counts: list[tuple[datetime, int]], *, span: str, label: str) -> Spark:
    """The bars of a span in the tenant's zone."""
    local = [(timezone.localtime(moment), count) for moment, count in counts]
    return spark(local, label=label, form="%-d %b" if span == "days" else "%-d %b, %H:%M")


def whole_chart(refusals: QuerySet[Refusal], *, span: str, now: datetime) -> Spark:
    """All reasons of a source together."""
    starts = buckets(span, now)
    counts = dict.fromkeys(starts, 0)
    for hour, count in refusals.filter(hour__gte=starts[0]).values_list("hour", "count"):
        start = _bucket(hour, span)
        if start in counts:
            counts[start] += count
    return chart_of(list(counts.items()), span=span, label=gettext("Refused"))


def _bucket(hour: datetime, span: str) -> datetime:
    if span == "days":
        return timezone.localtime(hour).replace(hour=0, minute=0, second=0, microsecond=0)
    return hour


@page("webhooks.view_source")
def index(request: Any, source: str) -> HttpResponse:
    """The refusals of one source by reason and hour."""
    rows = Source.objects.within(request.environment).filter(archived_at__isnull=True)
    found = get_object_or_404(rows.select_related("provider", "environment__tenant"), slug=source)
    refusals = Refusal.objects.filter(source=found)
    may_change = request.user.has_perm("webhooks.change_source", request.environment)
    return _show(request, refusals, {"page": SourcePage(found), "may_debug": may_change})


@page("webhooks.view_source")
def unknown(request: Any) -> HttpResponse:
    """What came to addresses that no source has, for whoever runs the deployment."""
    is_shown = sees_unknown(request.user, request.environment)
    refusals = unknown_refusals() if is_shown else Refusal.objects.none()
    return _show(request, refusals, {"is_hidden": not is_shown})


def unknown_refusals() -> QuerySet[Refusal]:
    """Those of no source: they belong to no tenant."""
    return Refusal.objects.filter(source=None)


def sees_unknown(user: User, environment: Any) -> bool:
    """Superusers, and where there is one tenant its admins: with several it is nobody's own."""
    if user.is_superuser:
        return True
    is_admin = user.has_perm("tenants.change_member", environment)
    return is_admin and Tenant.objects.count() == 1


def _show(request: Any, refusals: QuerySet[Refusal], context: dict[str, Any]) -> HttpResponse:
    now = timezone.now()
    span = request.GET.get("span")
    span = span if span in SPANS else "hours"
    reason = request.GET.get("reason", "")[:40].replace("\x00", "")
    since = now - timedelta(days=DAYS)
    listed = refusals.filter(hour__gte=since).order_by("-hour", "reason")
    if reason:
        listed = listed.filter(reason=reason)
    if request.GET.get("format") == "csv":
        return csv_answer(request, "refusals", header=CSV_HEADER, rows=_cells(listed))
    page_obj = paged(request, listed)
    context |= {
        "reasons": reason_rows(refusals, span=span, now=now),
        "span": span,
        "spans": SPANS.items(),
        "reason": reason,
        "page_obj": page_obj,
        "rows": page_obj.object_list,
    }
    return render(request, "webhooks/refusals.html", context)


def _cells(rows: QuerySet[Refusal]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        yield (row.hour, row.reason, row.count, row.last_at, *meaning_of(row.reason))
