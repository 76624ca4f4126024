"""Deadlines, and the sweep that finds what a lost bell left lying.

It looks once a second, however many actions there ever were: each look goes along a partial index,
which its order names, because a planner without statistics would rather read the whole table.
"""

import uuid
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from approvals import ladder
from approvals.models import Action
from approvals.models.switches import is_stopped
from approvals.requirement import escalated
from approvals.services import redefining, spending, trail
from approvals.services.binding import requirement_of
from approvals.services.locking import lock, touch
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring_again, ring_each_again
from gateway.lib.errors import StaleState
from gateway.lib.states import move
from gateway.lib.work import FREE
from gateway.tenants.models import Environment

CHUNK = 200


def sweep() -> int:
    """Do what time asks for and ring again for whatever is due; how many rows it touched."""
    touched = expire_due() + escalate_due() + remind_due()
    due = due_to_execute()
    ring_each_again(JobName.EXECUTE_ACTION, [(str(pk),) for pk in due])
    for tool_pk in redefining.tools_behind(CHUNK):
        ring_again(JobName.FOLLOW_TOOL, str(tool_pk))
        touched += 1
    unannounced = Action.objects.filter(announce_due_at__lte=Now()).order_by("announce_due_at")
    untold = list(unannounced.values_list("pk", flat=True)[:CHUNK])
    ring_each_again(JobName.ANNOUNCE, [(Action.announces, str(pk)) for pk in untold])
    return touched + len(due) + len(untold)


def expire_due() -> int:
    """Refuse by time what nobody decided or could execute in time; time never approves."""
    undecided = Action.objects.filter(status=ActionStatus.PENDING, decide_by__lte=Now())
    # One that may have happened already does not expire; its claim makes it unknown again.
    late = Action.objects.filter(
        FREE, status=ActionStatus.APPROVED, execute_by__lte=Now(), reopened_at=None
    )
    expired = _expire(undecided.order_by("decide_by"), "Nobody decided in time.")
    return expired + _expire(late.order_by("execute_by"), "It could not be executed in time.")


def escalate_due() -> int:
    """Let those of `escalate_to` decide as well where the time for it has come; votes stay."""
    waiting = _waiting().filter(escalate_due_at__lte=Now()).order_by("escalate_due_at")
    return sum(_once(action, "escalate_due_at", _escalate) for action in waiting[:CHUNK])


def remind_due() -> int:
    """Tell again of what nobody has decided at the fraction of the time that the rule names."""
    waiting = _waiting().filter(remind_due_at__lte=Now()).order_by("remind_due_at")
    return sum(_once(action, "remind_due_at", _remind) for action in waiting[:CHUNK])


def _waiting() -> QuerySet[Any]:
    """What is pending and still has time; what has none is expired instead."""
    rows = Action.objects.filter(status=ActionStatus.PENDING, decide_by__gt=Now())
    return rows.select_related("environment__tenant")


@transaction.atomic
def _once(action: Action, column: str, act: Callable[[Action], None]) -> bool:
    """Do it unless another sweep did, or somebody decided meanwhile: the column says so."""
    locked = lock(action)
    due_at = getattr(locked, column)
    if locked.status != ActionStatus.PENDING or due_at is None or due_at != getattr(action, column):
        return False
    act(locked)
    return True


def _escalate(action: Action) -> None:
    requirement = escalated(requirement_of(action))
    touch(action, escalate_due_at=None, escalated_at=Now(), routes=ladder.routes(requirement))
    trail.record(
        action, AuditAction.ACTION_ESCALATED, before=action.status,
        meta={"to": list(requirement.escalate_to)},
    )  # fmt: skip


def _remind(action: Action) -> None:
    touch(action, remind_due_at=None, reminded_at=Now())
    trail.record(action, AuditAction.ACTION_REMINDED, before=action.status)


def _expire(actions: QuerySet[Any], reason: str) -> int:
    found = list(actions.select_related("environment__tenant")[:CHUNK])
    for action in found:
        _expire_one(action, reason)
    return len(found)


def _expire_one(action: Action, reason: str) -> None:
    before = action.status
    try:
        with transaction.atomic():
            move(
                action, ActionStatus.EXPIRED, code="expired", reason=reason, settled_at=Now(),
                due_at=None,
            )  # fmt: skip
            trail.record(action, AuditAction.ACTION_EXPIRED, before=before)
            spending.follow(action)
    except StaleState:
        # Decided at the last moment by somebody else: the decision stands.
        return


def due_to_execute(environment: Environment | None = None) -> list[uuid.UUID]:
    """What a worker may claim now, of one environment or of all; at most a chunk of each kind.

    What a kill switch stops is not rung for until it is off.
    """
    rows = Action.objects.all() if environment is None else Action.objects.within(environment)
    settled = Q(tool_version__tool__drifted_at__isnull=True)
    ready = Q(status=ActionStatus.APPROVED) & FREE & settled
    # Executing with a lease that ran out: the worker was lost. Without one: waits to be repeated.
    again = Q(status=ActionStatus.EXECUTING, lease_until__isnull=True)
    due = rows.filter(ready | again, ~Q(is_stopped()), due_at__lte=Now()).order_by("due_at")
    orphaned = rows.filter(status=ActionStatus.EXECUTING, lease_until__lt=Now())
    return [
        *due.values_list("pk", flat=True)[:CHUNK],
        *orphaned.order_by("lease_until").values_list("pk", flat=True)[:CHUNK],
    ]
