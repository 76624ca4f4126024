"""Counting what happened in a span of time: five queries, whatever the span.

Each thing belongs to the hour in which it happened: a call to the hour it was asked in, its outcome
to the hour it ended in, a vote to its own, an attempt to the hour it began in.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Value, When

from approvals.models import Action, Approval, Execution
from approvals.states import ActionStatus
from gateway.board.figures import Figures, add, bucket
from gateway.lib import ids
from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from gateway.tenants.models import Environment

HOUR = timedelta(hours=1)
# An id is made a moment before its row; the exact time is asked for as well.
SLACK_S = 60
LOOP_CODE = "loop_detected"
REASONS = ("Wrong amount", "Wrong target", "Not needed", "Suspicious text")
OTHER = "Other"
JOIN = "\x1f"
Place = tuple[UUID, datetime]
_BY_PEOPLE = Case(
    When(requirement__isnull=False, then=Value(True)),
    default=Value(False),
    output_field=BooleanField(),
)
_REFUSED = frozenset({ActionStatus.INVALID, ActionStatus.DENIED})


def hour_of(moment: datetime) -> datetime:
    """The first moment of its hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


def count(
    start: datetime, end: datetime, *, environment: Environment | None = None
) -> dict[Place, Figures]:
    """The figures of every hour of the span, by environment and hour; hours without any lack."""
    found: dict[Place, Figures] = defaultdict(dict)
    for part in (_asked, _ended, _voted, _attempted, _runs):
        part(found, start, end, environment)
    return found


def _made(model: Any, start: datetime, end: datetime, place: str, here: Any) -> Any:
    """Rows that were made in the span, found by the time in their ids, for which all have one."""
    rows = model.objects.order_by().filter(
        pk__gte=ids.floor(start.timestamp() - SLACK_S), pk__lt=ids.floor(end.timestamp() + SLACK_S),
        created_at__gte=start, created_at__lt=end,
    )  # fmt: skip
    return rows.filter(**{place: here}) if here is not None else rows


def _ended_rows(model: Any, column: str, start: datetime, end: datetime, here: Any) -> Any:
    span = {f"{column}__gte": start, f"{column}__lt": end}
    rows = model.objects.order_by().filter(**span)
    return rows.filter(environment=here) if here is not None else rows


def _asked(found: dict[Place, Figures], start: datetime, end: datetime, here: Any) -> None:
    rows = _made(Action, start, end, "environment", here).annotate(by_people=_BY_PEOPLE)
    columns = ("environment_id", "created_at", "tool_name", "status", "code", "by_people")
    for env, at, tool, status, code, by_people in rows.values_list(*columns).iterator():
        figures = found[env, hour_of(at)]
        way = "people" if by_people else "refused" if status in _REFUSED else "self"
        add(figures, ("asked", way))
        add(figures, ("tools", tool), [1, 0, 0])
        if code == LOOP_CODE:
            add(figures, ("loops",))


def _ended(found: dict[Place, Figures], start: datetime, end: datetime, here: Any) -> None:
    rows = _ended_rows(Action, "settled_at", start, end, here).annotate(by_people=_BY_PEOPLE)
    columns = ("environment_id", "settled_at", "tool_name", "status", "by_people")
    for env, at, tool, status, by_people in rows.values_list(*columns).iterator():
        figures = found[env, hour_of(at)]
        if status == ActionStatus.SUCCEEDED:
            add(figures, ("ended", "approved" if by_people else "self"))
            add(figures, ("tools", tool), [0, 1, 0])
        elif status in _REFUSED:
            add(figures, ("ended", "refused"))
        else:
            add(figures, ("ended", status))
            if status == ActionStatus.FAILED:
                add(figures, ("tools", tool), [0, 0, 1])


def _voted(found: dict[Place, Figures], start: datetime, end: datetime, here: Any) -> None:
    rows = _made(Approval, start, end, "action__environment", here)
    columns = (
        "action__environment_id", "created_at", "user_id", "decision", "comment",
        "action__created_at", "action__risk",
    )  # fmt: skip
    for env, at, user, decision, comment, asked_at, risk in rows.values_list(*columns).iterator():
        figures = found[env, hour_of(at)]
        is_rejection = decision == Approval.Decision.REJECT
        add(figures, ("votes", str(user)), [0, 1] if is_rejection else [1, 0])
        waited_ms = (at - asked_at).total_seconds() * 1000
        add(figures, ("waits", risk or "low", bucket(waited_ms)))
        if is_rejection:
            add(figures, ("reasons", reason_of(comment)))


def reason_of(comment: str) -> str:
    """The preset that a rejection began with, or OTHER."""
    return next((reason for reason in REASONS if comment.startswith(reason)), OTHER)


def _attempted(found: dict[Place, Figures], start: datetime, end: datetime, here: Any) -> None:
    rows = _made(Execution, start, end, "action__environment", here)
    rows = rows.filter(sent_at__isnull=False, finished_at__isnull=False)
    columns = ("action__environment_id", "created_at", "sent_at", "finished_at")
    for env, at, sent_at, finished_at in rows.values_list(*columns).iterator():
        took_ms = (finished_at - sent_at).total_seconds() * 1000
        add(found[env, hour_of(at)], ("latency", bucket(took_ms)))


def _runs(found: dict[Place, Figures], start: datetime, end: datetime, here: Any) -> None:
    rows = _ended_rows(Run, "finished_at", start, end, here)
    rows = rows.filter(status__in=(RunStatus.COMPLETED, RunStatus.FAILED))
    columns = ("environment_id", "finished_at", "status", "agent__slug", "tags", "usage")
    for env, at, status, agent, tags, usage in rows.values_list(*columns).iterator():
        figures = found[env, hour_of(at)]
        add(figures, ("runs", status))
        who = JOIN.join((_text(tags, "project_id"), agent, _text(usage, "model")))
        add(figures, ("spent", who), [1, *_usage(usage)])


def _usage(usage: Any) -> Iterable[int]:
    """Tokens in, tokens out, millionths of a dollar; what was not reported counts nought."""
    for name in ("input_tokens", "output_tokens", "cost_micro_usd"):
        value = usage.get(name) if isinstance(usage, dict) else None
        yield value if isinstance(value, int) and not isinstance(value, bool) else 0


def _text(values: Any, name: str) -> str:
    value = values.get(name) if isinstance(values, dict) else None
    return value.replace(JOIN, " ")[:80] if isinstance(value, str) else ""
