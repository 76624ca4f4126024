"""The dashboard's tables: what each chart shows, with the address behind every number."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext

from gateway.board.counting import JOIN
from gateway.board.figures import Figures, merged, quantile, total
from gateway.board.reading import Period, Read
from gateway.lib import ids
from gateway.lib.numbers import grouped

RISKS = ("low", "medium", "high", "critical")
MOST = 12
MICRO = 1_000_000
Address = Callable[..., str]


@dataclass(frozen=True)
class Cell:
    """A number as it is shown, as a chart and a file want it, and the list behind it.

    The list has `value` rows, or `listed` where the number is a measure of them.
    """

    text: str
    value: float | int | str
    url: str = ""
    listed: int | None = None


@dataclass(frozen=True)
class Line:
    """One row: what it is about, its numbers, and how long its bar is, in percent."""

    label: str
    cells: tuple[Cell, ...]
    share: float = 0.0
    url: str = ""


@dataclass(frozen=True)
class Chart:
    """A table that is drawn: `stack` and `lines` by a script, `bars` by the server."""

    key: str
    title: str
    note: str
    kind: str
    first: str
    header: tuple[str, ...]
    lines: tuple[Line, ...] = field(default_factory=tuple)
    width: str = "w6"
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(cell.value for line in self.lines for cell in line.cells)

    @property
    def mark(self) -> str:
        """What stands in front of the first number of a series in the legend."""
        return gettext("solid, dashed") if self.kind == "lines" else ""


def charts(read: Read, period: Period, *, people: dict[str, str], to: Address) -> list[Chart]:
    """All of them, in the order of the page; `people` names reviewers, `to` makes addresses."""
    since = period.start.isoformat()
    return [
        _calls(read, period, to), _latency(read, period, to), _waits(read.all, to, since=since),
        _reviewers(read.all, people, to, days=period.days),
        _reasons(read.all, to, since=since), _tools(read.all, to, since=since),
        _costs(read.all, to, since=since),
    ]  # fmt: skip


def _label(period: Period, slot: datetime) -> str:
    return f"{slot:%H:%M}" if period.by_hour else date_format(slot, "D j M")


OUTCOMES = {
    "self": ("self",), "approved": ("approved",), "stopped": ("rejected", "expired", "canceled"),
    "refused": ("refused",), "failed": ("failed",),
}  # fmt: skip


def _calls(read: Read, period: Period, to: Address) -> Chart:
    def cells(slot: datetime, figures: Figures) -> tuple[Cell, ...]:
        span = _span("settled", period, slot)
        counts = {key: ended(figures, *names) for key, names in OUTCOMES.items()}
        return tuple(
            _whole(count, to("approvals:list", ended=key, **span)) for key, count in counts.items()
        )

    lines = (Line(_label(period, slot), cells(slot, figures)) for slot, figures in read.by_slot)
    return Chart(
        "calls",
        gettext("Calls by outcome"),
        gettext("by the hour") if period.by_hour else gettext("by the day"),
        "stack",
        gettext("Hour") if period.by_hour else gettext("Day"),
        (
            gettext("ran by itself"),
            gettext("approved by a person"),
            gettext("rejected, expired or canceled"),
            gettext("refused by a rule"),
            gettext("failed"),
        ),
        tuple(lines),
        width="w7",
    )


def _span(what: str, period: Period, slot: datetime) -> dict[str, str]:
    """What narrows a list to one column of a chart."""
    return {
        f"{what}_since": slot.isoformat(), f"{what}_before": period.end_of(slot).isoformat(),
    }  # fmt: skip


def _latency(read: Read, period: Period, to: Address) -> Chart:
    def cells(slot: datetime, figures: Figures) -> tuple[Cell, ...]:
        buckets = figures.get("latency", {})
        url = to("approvals:list", **_span("carried", period, slot))
        count = sum(buckets.values())
        halves = (quantile(buckets, share) for share in (0.5, 0.95))
        return tuple(_measure(half, _milliseconds, url, count) for half in halves)

    lines = (Line(_label(period, slot), cells(slot, figures)) for slot, figures in read.by_slot)
    return Chart(
        "latency",
        gettext("Latency"),
        gettext("of calls that were carried out, ms"),
        "lines",
        gettext("Hour") if period.by_hour else gettext("Day"),
        ("p50", "p95"),
        tuple(lines),
        width="w5",
        unit="ms",
    )


def _waits(figures: Figures, to: Address, *, since: str) -> Chart:
    found = figures.get("waits", {})
    halves = {risk: quantile(found.get(risk, {}), 0.5) for risk in RISKS}
    longest = max((half or 0 for half in halves.values()), default=0)

    def line(risk: str) -> Line:
        buckets = found.get(risk, {})
        url, count = to("approvals:list", risk=risk, voted_since=since), sum(buckets.values())
        lengths = (halves[risk], quantile(buckets, 0.95))
        cells = (*(_measure(one, _length, url, count) for one in lengths), _whole(count, url))
        return Line(gettext(risk.capitalize()), cells, share=_share(halves[risk] or 0, longest))

    lines = map(line, RISKS)
    return Chart(
        "wait", gettext("Human wait"), gettext("from asking to deciding"), "bars", gettext("Risk"),
        (gettext("median"), "p95", gettext("decisions")), tuple(lines),
    )  # fmt: skip


def _reviewers(figures: Figures, people: dict[str, str], to: Address, *, days: int) -> Chart:
    votes = sorted(figures.get("votes", {}).items(), key=lambda item: -sum(item[1]))
    most = sum(votes[0][1]) if votes else 0

    def line(user: str, counts: list[int]) -> Line:
        def url(**more: str) -> str:
            return to("approvals:list", decider=_public(user), voted_days=days, **more)

        approved, rejected = counts
        cells = (
            _whole(approved + rejected, url()), _whole(approved, url(decision="approve")),
            _whole(rejected, url(decision="reject")),
        )  # fmt: skip
        return Line(people.get(user, gettext("Somebody")), cells, _share(sum(counts), most))

    return Chart(
        "reviewers", gettext("Decisions by reviewer"), "", "bars", gettext("Reviewer"),
        (gettext("decided"), gettext("approved"), gettext("rejected")),
        tuple(line(*item) for item in votes[:MOST]),
    )  # fmt: skip


def _public(user: str) -> str:
    return ids.encode("usr", UUID(user))


def _reasons(figures: Figures, to: Address, *, since: str) -> Chart:
    found = sorted(figures.get("reasons", {}).items(), key=lambda item: -item[1])
    most = found[0][1] if found else 0
    lines = (
        Line(
            gettext(reason),
            (_whole(count, to("approvals:list", rejected_for=reason, voted_since=since)),),
            _share(count, most),
        )
        for reason, count in found
    )  # fmt: skip
    return Chart(
        "reasons",
        gettext("Rejected, by reason"),
        "",
        "bars",
        gettext("Reason"),
        (gettext("votes"),),
        tuple(lines),
    )


def _tools(figures: Figures, to: Address, *, since: str) -> Chart:
    found = sorted(figures.get("tools", {}).items(), key=lambda item: -item[1][0])
    most = found[0][1][0] if found else 0

    def line(tool: str, counts: list[int]) -> Line:
        asked, succeeded, failed = counts
        ended = {"tool": tool, "settled_since": since}
        cells = (
            _whole(asked, to("approvals:list", tool=tool, since=since)),
            _whole(succeeded, to("approvals:list", status="succeeded", **ended)),
            _whole(failed, to("approvals:list", status="failed", **ended)),
        )
        return Line(tool, cells, _share(asked, most))

    return Chart(
        "tools",
        gettext("Top tools"),
        "",
        "bars",
        gettext("Tool"),
        (gettext("calls"), gettext("succeeded"), gettext("failed")),
        tuple(line(*item) for item in found[:MOST]),
        width="w6",
    )


def _costs(figures: Figures, to: Address, *, since: str) -> Chart:
    found = sorted(figures.get("spent", {}).items(), key=lambda item: (-item[1][3], item[0]))
    most = found[0][1][3] if found else 0

    def line(who: str, counts: list[int]) -> Line:
        project, agent, model = who.split(JOIN)
        runs, tokens_in, tokens_out, cost = counts
        url = to(
            "runs:list", project=project, agent=agent, model=model, is_exact=1, ended_since=since
        )
        sums = (_whole(tokens_in), _whole(tokens_out), dollars(cost))
        cells = (_whole(runs, url), *(replace(one, url=url, listed=runs) for one in sums))
        label = " · ".join(part for part in (project, agent, model) if part)
        return Line(label, cells, _share(cost, most))

    return Chart(
        "cost",
        gettext("Cost and tokens"),
        gettext("by project, agent and model, as reported"),
        "bars",
        gettext("Project · agent · model"),
        (gettext("tasks"), gettext("tokens in"), gettext("tokens out"), "USD"),
        tuple(line(*item) for item in found[:MOST]),
        width="w12",
    )


def spent(figures: Figures) -> tuple[int, int]:
    """Tasks that ended, and what they cost together in millionths of a dollar."""
    lists = figures.get("spent", {}).values()
    return sum(counts[0] for counts in lists), sum(counts[3] for counts in lists)


def all_waits(figures: Figures) -> dict[str, int]:
    """The waits of every risk together."""
    return merged(figures.get("waits", {}).values())


def votes(figures: Figures) -> tuple[int, int]:
    """Approvals and rejections."""
    lists = figures.get("votes", {}).values()
    return sum(counts[0] for counts in lists), sum(counts[1] for counts in lists)


def ended(figures: Figures, *names: str) -> int:
    """How many calls came to one of these ends."""
    return sum(total(figures, "ended", name) for name in names)


def length(milliseconds: float | None) -> str:
    """A length of time in its two largest units; a dash where it is not known."""
    if milliseconds is None:
        return "–"
    seconds = round(milliseconds / 1000)
    if seconds < 1:
        return f"{milliseconds:.0f} ms"
    parts = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def percent(part: int, whole: int) -> str:
    """A share; a dash where there is nothing to share."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def dollars(micro: int) -> Cell:
    """Millionths of a dollar as dollars."""
    return Cell(grouped(micro / MICRO, decimals=2), round(micro / MICRO, 6))


def age(since: timedelta) -> str:
    """How long ago, in words."""
    return length(since.total_seconds() * 1000)


def _whole(number: int, url: str = "") -> Cell:
    return Cell(grouped(number), number, url if number else "")


def _measure(
    value: float | None, shown: Callable[[float | None], Cell], url: str, count: int
) -> Cell:
    """A measure of what a list has, with the list; without a value it leads nowhere."""
    cell = shown(value)
    return cell if value is None else replace(cell, url=url, listed=count)


def _milliseconds(value: float | None) -> Cell:
    return Cell("–", "") if value is None else Cell(grouped(value, decimals=0), round(value))


def _length(value: float | None) -> Cell:
    return Cell("–", "") if value is None else Cell(length(value), round(value))


def _share(part: float, whole: float) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
