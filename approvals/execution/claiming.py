"""Taking a due action: the one transaction in which everything is looked at again, and the intent.

Whoever holds the newest attempt's number may finish it; a lost worker's attempt is settled first.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.execution.finishing import LEASE, move_final
from approvals.execution.looking import may_go_on
from approvals.models import Action, Execution
from approvals.services import not_stopped, rechecking, redefining, stopping, targets, trail
from approvals.states import ActionStatus, ExecutionStatus
from audit import context
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring
from gateway.lib.clock import database_now
from gateway.lib.errors import StaleState
from gateway.lib.prepared import Prepared
from gateway.lib.states import move, move_quietly
from gateway.lib.work import backoff_s
from gateway.tools import services as tools

LOST = "The worker was lost."
# An action that so many workers died of is not tried again: it may be what kills them.
MAX_LOST = 3
NEVER_SENT = f"Nothing was sent: the worker was lost {MAX_LOST} times before."
SENT_AND_LOST = "The worker was lost when the request may have left: look at the service."

_OPEN_LOCKED = Prepared(
    lambda key: Action.objects.select_for_update(of=("self",))
    .select_related(
        "environment__tenant", "agent__owner__user", "tool_version__tool",
        "tool_version__connection",
    )
    .filter(pk=key, status__in=[ActionStatus.APPROVED, ActionStatus.EXECUTING]),
    key=Action._meta.pk,
)  # fmt: skip


@transaction.atomic
def claim(pk: str) -> Execution | None:
    """Take the action and commit the intent; None when there is nothing to do (any more)."""
    locked = _lock(pk)
    if locked is None:
        return None
    action, now = locked
    context.adopt(action.correlation_id)
    if action.status == ActionStatus.EXECUTING and not _take_over(action):
        return None
    if action.status not in {ActionStatus.APPROVED, ActionStatus.EXECUTING}:
        return None
    if stopping(action):
        _park(action)
        return None
    if action.status == ActionStatus.EXECUTING and not _may_have_happened(action):
        _back_to_approved(action)
    if (
        action.status == ActionStatus.APPROVED
        and not action.reopened_at
        and _waits_for_definition(action)
    ):
        return None
    if not rechecking.may_still_run(action, now):
        return None
    if not targets.take(action, lease=LEASE):
        _stand_back(action)
        return None
    return _claim(action)


def renew(execution: Execution) -> bool:
    """Begin the lease anew, of the attempt and of what it touches; in the caller's transaction.

    False, and nothing is held, where the lease was over and another action has the target now.
    Raises StaleState where another worker has the action.
    """
    action = execution.action
    ours = Action.objects.filter(
        pk=action.pk, status=ActionStatus.EXECUTING, attempts=execution.attempt
    )
    if not ours.update(lease_until=Now() + LEASE):
        raise StaleState("Another worker took over: getting ready took too long.")
    return targets.take(action, lease=LEASE)


def _lock(pk: str) -> tuple[Action, datetime] | None:
    """The row, locked, and the time, if it is due now and nobody else holds it."""
    found = _OPEN_LOCKED(key=pk)
    if not found:
        return None
    action, now = found[0], database_now()
    if action.lease_until and action.lease_until > now:
        return None
    is_orphan = action.status == ActionStatus.EXECUTING and action.lease_until is not None
    is_due = action.due_at is not None and action.due_at <= now
    return (action, now) if is_due or is_orphan else None


def _take_over(action: Action) -> bool:
    """Settle the attempt of a worker that is gone; True when another attempt may follow."""
    last = action.executions.order_by("attempt").last()
    if last is None or last.status not in {ExecutionStatus.CLAIMED, ExecutionStatus.SENT}:
        return True
    last.action = action
    was_sent = last.status == ExecutionStatus.SENT
    if was_sent:
        move(last, ExecutionStatus.UNKNOWN, finished_at=Now(), error=LOST)
        trail.record_execution(last, AuditAction.EXECUTION_UNKNOWN)
    else:
        move(last, ExecutionStatus.RELEASED, finished_at=Now(), error=LOST)
        trail.record_execution(last, AuditAction.EXECUTION_RELEASED)
    is_deadly = action.executions.filter(error=LOST).count() >= MAX_LOST
    if not is_deadly and (may_go_on(action, last.attempt) or not was_sent):
        return True
    _give_up(action)
    return False


def _may_have_happened(action: Action) -> bool:
    return action.executions.filter(status=ExecutionStatus.UNKNOWN).exists()


def _back_to_approved(action: Action) -> None:
    """Nothing had left when its worker was lost: all that holds for a first attempt holds again."""
    move(action, ActionStatus.APPROVED, lease_until=None, due_at=Now())
    targets.release(action)
    trail.record(
        action, AuditAction.ACTION_RELEASED, before=ActionStatus.EXECUTING, reason="worker_lost"
    )


def _give_up(action: Action) -> None:
    """Risk no other worker: whether anything may have left decides what is said."""
    if _may_have_happened(action):
        to, reason = ActionStatus.UNKNOWN, SENT_AND_LOST
    else:
        to, reason = ActionStatus.FAILED, NEVER_SENT
    move_final(action, to, code="worker_lost", reason=reason)


def _waits_for_definition(action: Action) -> bool:
    """Whether the tool's definition changed, or may have: the action is judged again first."""
    version = action.tool_version
    if version is None or not version.tool.is_enabled:
        return False
    if redefining.is_behind(action) and action.reopened_at is None:
        ring(JobName.FOLLOW_TOOL, str(version.tool_id))
        return True
    return tools.is_waiting(version.tool)


def _park(action: Action) -> None:
    """Leave it to whoever turns the kill switch off; a lost worker's attempt is settled already."""
    if action.lease_until is not None:
        Action.objects.filter(pk=action.pk).update(lease_until=None, due_at=Now())


def _stand_back(action: Action) -> None:
    """Another action touches the same entity just now: come again in a moment."""
    wait_s = backoff_s(1)
    due_at = Now() + timedelta(seconds=wait_s)
    Action.objects.filter(pk=action.pk).update(lease_until=None, due_at=due_at)
    ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=int(wait_s * 1000))


def _claim(action: Action) -> Execution | None:
    """None where a kill switch was turned on since the action was looked at."""
    before = action.status
    try:
        move_quietly(
            action, ActionStatus.EXECUTING, only_if=not_stopped(action),
            lease_until=Now() + LEASE, due_at=None, attempts=F("attempts") + 1,
        )  # fmt: skip
    except StaleState:
        targets.release(action)
        return None
    version = action.tool_version
    connection = version.connection if version else None
    execution = Execution.objects.create(
        action=action,
        attempt=action.attempts,
        action_version=action.version,
        # One key per intended operation: every attempt of this action carries the same.
        idempotency_key=action.public_id,
        connection=f"{connection.public_id} r{connection.revision}" if connection else "",
    )
    trail.record(
        action, AuditAction.ACTION_CLAIMED, before=before, meta={"attempt": action.attempts}
    )
    trail.record_execution(execution, AuditAction.EXECUTION_CLAIMED)
    return execution
