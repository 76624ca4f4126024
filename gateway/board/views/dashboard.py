"""The dashboard: tiles, charts with their tables, and each as a file."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from gateway.board import charts, reading
from gateway.board.charts import Chart
from gateway.board.figures import quantile, total
from gateway.board.reading import Period, Read
from gateway.lib.html import csv_answer, page
from gateway.lib.numbers import grouped
from gateway.runs.models import Feedback
from gateway.tenants.models import User
from webhooks.models import Refusal

VIEW = "approvals.view_action"
LABELS = (("24h", _("24 hours")), ("7d", _("7 days")), ("30d", _("30 days")), ("90d", _("90 days")))


@dataclass(frozen=True)
class Tile:
    """One figure, what it is of, and the list that it counts."""

    label: str
    text: str
    note: str
    url: str


class Dashboard:
    """Everything on the page: at most fourteen queries, however much there is."""

    def __init__(self, request: Any) -> None:
        self.environment = request.environment
        self.may = lambda name: bool(request.user.has_perm(name, request.environment))
        zone = ZoneInfo(self.environment.tenant.time_zone)
        self.period: Period = reading.period(
            request.GET.get("range", ""), now=timezone.now(), zone=zone
        )
        self.read: Read = reading.read(self.environment, self.period)

    def to(self, name: str, **query: Any) -> str:
        """The address of a list, with what narrows it."""
        where = {"tenant": self.environment.tenant.slug, "environment": self.environment.slug}
        address = reverse(name, kwargs=where)
        return f"{address}?{urlencode(query)}" if query else address

    @property
    def ranges(self) -> list[tuple[str, str, bool]]:
        """Key, label and whether it is shown."""
        return [(key, str(label), key == self.period.key) for key, label in LABELS]

    def charts(self) -> list[Chart]:
        """The charts; names of reviewers are looked up as they are today."""
        votes = self.read.all.get("votes", {})
        people = {str(user.pk): str(user) for user in User.objects.filter(pk__in=votes)}
        return charts.charts(self.read, self.period, people=people, to=self.to)

    def tiles(self) -> list[Tile]:
        """The figures at the top."""
        return [*self._waiting(), *self._decided(), *self._carried_out(), *self._around()]

    def _waiting(self) -> list[Tile]:
        rows = Action.objects.within(self.environment).pending()
        told = rows.aggregate(
            n=Count("pk"), since=Min("created_at"), until=Min("decide_by"),
            grave=Count("pk", filter=Q(risk__in=("high", "critical"))),
        )  # fmt: skip
        team = self.to("approvals:inbox", tab="team")
        now = self.period.now
        age = charts.age(now - told["since"]) if told["since"] else "–"
        ends = (
            gettext("next ends in {age}").format(age=charts.age(told["until"] - now))
            if _ahead(told, now)
            else gettext("now")
        )
        return [
            Tile(
                gettext("Pending"),
                grouped(told["n"]),
                gettext("{count} high or critical, now").format(count=told["grave"]),
                team,
            ),
            Tile(gettext("Oldest wait"), age, ends, team),
        ]

    def _decided(self) -> list[Tile]:
        figures = self.read.all
        yes, no = charts.votes(figures)
        asked = {name: total(figures, "asked", name) for name in ("self", "people", "refused")}
        half = quantile(charts.all_waits(figures), 0.5)
        people = (
            self.to("approvals:reviewers", days=self.period.days)
            if self.may("approvals.view_reviewers")
            else ""
        )
        ran = self.to("approvals:list", ran="self", since=self.period.start.isoformat())
        return [
            Tile(
                gettext("Median decision"),
                charts.length(half),
                gettext("of {count} decisions").format(count=grouped(yes + no)),
                people,
            ),
            Tile(
                gettext("Approval rate"),
                charts.percent(yes, yes + no),
                part_of(yes, yes + no),
                people,
            ),
            Tile(
                gettext("Ran by itself"),
                charts.percent(asked["self"], sum(asked.values())),
                gettext("{part} of {all} calls").format(
                    part=grouped(asked["self"]), all=grouped(sum(asked.values()))
                ),
                ran,
            ),
        ]

    def _carried_out(self) -> list[Tile]:
        figures, since = self.read.all, self.period.start.isoformat()
        good, failed = charts.ended(figures, "self", "approved"), charts.ended(figures, "failed")
        done, broken = (total(figures, "runs", name) for name in ("completed", "failed"))
        tasks, cost = charts.spent(figures)
        each = f"{charts.dollars(cost // tasks).text} USD" if tasks else "–"
        return [
            Tile(
                gettext("Failed calls"),
                grouped(failed),
                gettext("ended without effect"),
                self.to("approvals:list", status="failed", settled_since=since),
            ),
            Tile(
                gettext("Tool-call success"),
                charts.percent(good, good + failed),
                part_of(good, good + failed),
                self.to("approvals:list", status="succeeded", settled_since=since),
            ),
            Tile(
                gettext("Task success"),
                charts.percent(done, done + broken),
                part_of(done, done + broken),
                self.to("runs:list", status="completed", ended_since=since),
            ),
            Tile(
                gettext("Cost per task"),
                each,
                gettext("{dollars} USD in all").format(dollars=charts.dollars(cost).text),
                self.to("runs:list", ended_since=since),
            ),
        ]

    def _around(self) -> list[Tile]:
        start = self.period.start
        loops = total(self.read.all, "loops")
        refused = Refusal.objects.filter(source__environment=self.environment, hour__gte=start)
        turned_away = refused.aggregate(n=Sum("count"))["n"] or 0
        said = Feedback.objects.filter(run__environment=self.environment, said_at__gte=start)
        told = said.aggregate(n=Count("pk"), good=Count("pk", filter=Q(is_helpful=True)))
        since = start.isoformat()
        return [
            Tile(
                gettext("Loop stops"),
                grouped(loops),
                gettext("runs in circles, held"),
                self.to("approvals:list", code="loop_detected", since=since),
            ),
            Tile(
                gettext("Refused webhooks"),
                grouped(turned_away),
                gettext("counted, never kept"),
                self.to("webhooks:sources") if self.may("webhooks.view_source") else "",
            ),
            Tile(
                gettext("Found helpful"),
                charts.percent(told["good"], told["n"]),
                gettext("{part} of {all} answers").format(
                    part=grouped(told["good"]), all=grouped(told["n"])
                ),
                self.to("runs:list", rated_since=since),
            ),
        ]


def part_of(part: int, whole: int) -> str:
    """How many of how many."""
    return gettext("{part} of {all}").format(part=grouped(part), all=grouped(whole))


@page(VIEW)
def dashboard(request: Any) -> HttpResponse:
    """Tiles and charts of a range; `chart` with `format=csv` is one chart's table."""
    board = Dashboard(request)
    if request.GET.get("format") == "csv":
        return _file(request, board)
    context = {"board": board, "tiles": board.tiles(), "charts": board.charts()}
    return render(request, "board/dashboard.html", context)


def _file(request: Any, board: Dashboard) -> HttpResponse:
    wanted = request.GET.get("chart", "calls")
    chart = next((one for one in board.charts() if one.key == wanted), None)
    if chart is None:
        raise Http404
    rows = ((line.label, *(cell.value for cell in line.cells)) for line in chart.lines)
    return csv_answer(request, wanted, header=(chart.first, *chart.header), rows=rows)


def _ahead(told: dict[str, Any], now: datetime) -> bool:
    return bool(told["until"]) and told["until"] - now > timedelta()
