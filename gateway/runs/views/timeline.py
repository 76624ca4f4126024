"""A run over time: the steps, their bars, and how long people were waited for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext

from approvals import services as approvals
from approvals.models import Action, Execution
from gateway.runs.models import Run
from gateway.tools.models import SideEffect

# A wait longer than this share of the agent's own time is folded: seconds of work stay visible.
WAIT_SHARE = 0.25
MIN_WAIT_S = 0.5
MIN_BAR = 0.7
WHOLE = 100.0


@dataclass(frozen=True)
class Bar:
    """Where a bar begins and how wide it is, in percent of the axis."""

    kind: str
    x: str
    width: str


@dataclass(frozen=True)
class Tick:
    """A line on the axis with its text."""

    x: str
    text: str


@dataclass(frozen=True)
class Step:
    """One line of the timeline."""

    level: int
    icon: str
    text: str
    note: str
    start: datetime
    end: datetime
    kind: str
    action: Action | None = None

    @property
    def is_wait(self) -> bool:
        """Whether a person is waited for."""
        return self.kind == "wait"

    @property
    def length(self) -> timedelta:
        """How long it took."""
        return self.end - self.start


class Axis:
    """Time to percent; waits are folded to a fixed share."""

    def __init__(self, start: datetime, end: datetime, waits: list[Step]) -> None:
        self.start = start
        self.end = max(end, start + timedelta(milliseconds=1))
        cuts = {self.start, self.end}
        for wait in waits:
            cuts |= {self._within(wait.start), self._within(wait.end)}
        self.cuts = sorted(cuts)
        self.waits = waits
        self.weights = self._weights()

    def _within(self, moment: datetime) -> datetime:
        return min(max(moment, self.start), self.end)

    def _is_wait(self, start: datetime) -> bool:
        return any(wait.start <= start < wait.end for wait in self.waits)

    def _weights(self) -> list[float]:
        spans = list(zip(self.cuts, self.cuts[1:], strict=False))
        lengths = [(b - a).total_seconds() for a, b in spans]
        own = sum(x for (a, _), x in zip(spans, lengths, strict=True) if not self._is_wait(a))
        limit = max(own * WAIT_SHARE, MIN_WAIT_S)
        return [
            min(length, limit) if self._is_wait(start) else length
            for (start, _), length in zip(spans, lengths, strict=True)
        ]

    @property
    def is_folded(self) -> bool:
        """Whether some wait is not to scale."""
        return sum(self.weights) < (self.end - self.start).total_seconds() * 0.999

    def at(self, moment: datetime) -> float:
        """The moment's place on the axis, in percent."""
        moment = self._within(moment)
        total = sum(self.weights) or 1.0
        done = 0.0
        for start, end, weight in zip(self.cuts, self.cuts[1:], self.weights, strict=False):
            if moment >= end:
                done += weight
                continue
            done += weight * ((moment - start) / (end - start))
            break
        return WHOLE * done / total

    def bar(self, step: Step) -> Bar:
        """The step's bar, never too thin to see."""
        x = min(self.at(step.start), WHOLE - MIN_BAR)
        width = max(self.at(step.end) - x, MIN_BAR)
        return Bar(step.kind, f"{x:.2f}", f"{width:.2f}")


def steps_of(run: Run, actions: list[Action], *, now: datetime) -> list[Step]:
    """The run, then each action with its wait for a person and its executions."""
    end = run.finished_at or now
    steps = [Step(1, "robot", gettext("Run"), run.agent.slug, run.created_at, end, "model")]
    for action in actions:
        steps += _action_steps(action, now=now)
    return steps


def _action_steps(action: Action, *, now: datetime) -> list[Step]:
    is_read = action.tool_version is not None and (
        action.tool_version.side_effect == SideEffect.READ
    )
    kind = "read" if is_read else "write"
    icon = "book" if is_read else "bolt"
    label = gettext(action.get_status_display()).lower()
    began = action.created_at
    steps = [Step(2, icon, action.tool_name, label, began, began, kind, action)]
    if action.requirement:
        until = action.approved_at or action.settled_at or now
        note = approvals.asked(action)
        steps.append(
            Step(3, "hourglass", gettext("Person decides"), note, began, until, "wait", action)
        )
    return steps + [_attempt(row, kind=kind, now=now) for row in action.executions.all()]


def _attempt(row: Execution, *, kind: str, now: datetime) -> Step:
    start = row.sent_at or row.created_at
    status = gettext(row.get_status_display()).lower()
    reply = (row.response or {}).get("status")
    note = f"{status}, {reply}" if reply else status
    return Step(
        3,
        "send",
        gettext("Execution {attempt}").format(attempt=row.attempt),
        note,
        start,
        row.finished_at or now,
        kind,
    )
