"""Carrying out what was approved: claim, call, finish. The only caller of a connector's `execute`.

Two transactions with the call between them. The first commits the intent (an execution with a
fencing token), the second the result, and only while the token is still the newest. What may have
reached the outside is repeated only where the tool's retry class allows it; else it is `unknown`.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, F
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action, Execution, KillSwitch
from approvals.services import rechecking, redefining, spending, stopping, trail
from approvals.services.masking import masked
from approvals.services.outside import account_of, connector_request
from approvals.states import ActionStatus, ExecutionStatus
from audit import context
from audit.actions import AuditAction
from gateway.connectors import registry
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.door import door
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import DomainError, StaleState
from gateway.lib.failpoints import Point, reach
from gateway.lib.sealing import CannotUnseal
from gateway.lib.states import move
from gateway.lib.work import backoff_s
from gateway.tools import services as tools
from gateway.tools.models import RetryClass

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
CALL_DEADLINE_S = 30.0
MAX_ATTEMPTS = 8
REPEATABLE = frozenset({RetryClass.SAFE, RetryClass.IDEMPOTENT})
FINISHED_AS = {
    ActionStatus.SUCCEEDED: (ExecutionStatus.SUCCEEDED, AuditAction.ACTION_SUCCEEDED),
    ActionStatus.FAILED: (ExecutionStatus.FAILED, AuditAction.ACTION_FAILED),
    ActionStatus.UNKNOWN: (ExecutionStatus.UNKNOWN, AuditAction.ACTION_UNKNOWN),
}


def execute(pk: str) -> None:
    """Do one due action, if it is still due and still exactly what was approved."""
    reach(Point.TAKEN, pk)
    execution = claim(pk)
    if execution is None:
        return
    reach(Point.INTENT_COMMITTED, execution.idempotency_key)
    outcome = call(execution)
    reach(Point.ANSWER_READ, execution.idempotency_key)
    finish(execution, outcome)
    reach(Point.RESULT_COMMITTED, execution.idempotency_key)


@transaction.atomic
def claim(pk: str) -> Execution | None:
    """Take the action and commit the intent; None when there is nothing to do (any more)."""
    action = _lock(pk)
    if action is None:
        return None
    context.adopt(action.correlation_id)
    if action.status == ActionStatus.EXECUTING and not _take_over(action):
        return None
    if action.status not in {ActionStatus.APPROVED, ActionStatus.EXECUTING}:
        return None
    if stopping(action):
        _park(action)
        return None
    if action.status == ActionStatus.APPROVED and _waits_for_definition(action):
        return None
    if not rechecking.may_still_run(action):
        return None
    return _claim(action)


def _lock(pk: str) -> Action | None:
    """The row, locked, if it is due now and nobody else holds it."""
    action = (
        Action.objects.select_for_update(of=("self",))
        .select_related(
            "environment__tenant", "agent__owner__user", "tool_version__tool",
            "tool_version__connection", "requester_owner",
        )
        .filter(pk=pk, status__in=[ActionStatus.APPROVED, ActionStatus.EXECUTING])
        .first()
    )  # fmt: skip
    now = timezone.now()
    if action is None or (action.lease_until and action.lease_until > now):
        return None
    is_orphan = action.status == ActionStatus.EXECUTING and action.lease_until is not None
    is_due = action.due_at is not None and action.due_at <= now
    return action if is_due or is_orphan else None


def _take_over(action: Action) -> bool:
    """Settle the attempt of a worker that is gone; True when another attempt may follow."""
    last = action.executions.order_by("attempt").last()
    if last is None or last.status not in {ExecutionStatus.CLAIMED, ExecutionStatus.SENT}:
        return True
    last.action = action
    if last.status == ExecutionStatus.CLAIMED:
        move(last, ExecutionStatus.RELEASED, finished_at=Now(), error="The worker was lost.")
        trail.record_execution(last, AuditAction.EXECUTION_RELEASED)
        return True
    move(last, ExecutionStatus.UNKNOWN, finished_at=Now(), error="The worker was lost.")
    trail.record_execution(last, AuditAction.EXECUTION_UNKNOWN)
    if _may_repeat(action):
        return True
    _move_final(
        action, ActionStatus.UNKNOWN, code="worker_lost",
        reason="The worker was lost when the request may have left: look at the service.",
    )  # fmt: skip
    return False


def _waits_for_definition(action: Action) -> bool:
    """Whether the tool's definition changed, or may have: the action is judged again first."""
    version = action.tool_version
    if version is None or not version.tool.is_enabled:
        return False
    if redefining.is_behind(action):
        ring(JobName.FOLLOW_TOOL, str(version.tool_id))
        return True
    return tools.is_waiting(version.tool)


def _park(action: Action) -> None:
    """Leave it to whoever turns the kill switch off; a lost worker's attempt is settled already."""
    if action.lease_until is not None:
        Action.objects.filter(pk=action.pk).update(lease_until=None, due_at=Now())


def _claim(action: Action) -> Execution | None:
    """None where a kill switch was turned on since the action was looked at."""
    before = action.status
    try:
        move(
            action, ActionStatus.EXECUTING, only_if=~Exists(KillSwitch.objects.over(action)),
            lease_until=Now() + LEASE, due_at=None, attempts=F("attempts") + 1,
        )  # fmt: skip
    except StaleState:
        return None
    version = action.tool_version
    connection = version.connection if version else None
    execution = Execution.objects.create(
        action=action,
        attempt=action.attempts,
        # One key per intended operation: every attempt of this action carries the same.
        idempotency_key=action.public_id,
        connection=f"{connection.public_id} r{connection.revision}" if connection else "",
    )
    trail.record(
        action, AuditAction.ACTION_CLAIMED, before=before, meta={"attempt": action.attempts}
    )
    trail.record_execution(execution, AuditAction.EXECUTION_CLAIMED)
    return execution


def call(execution: Execution) -> Outcome:
    """Reach out once. From the second commit on, the request may have left this machine."""
    action = execution.action
    version = action.tool_version
    if version is None:
        raise ValueError(f"{action} has no tool")
    try:
        with door(account_of(version)) as sender:
            request = connector_request(
                version, sender, arguments=action.arguments_value,
                rendered=action.rendered_value or {}, idempotency_key=execution.idempotency_key,
                deadline_s=CALL_DEADLINE_S,
            )  # fmt: skip
            connector = registry.connector(version.connector)
            with transaction.atomic():
                move(execution, ExecutionStatus.SENT, sent_at=Now())
                trail.record_execution(execution, AuditAction.EXECUTION_SENT)
            execution.action = action
            return connector.execute(request)
    except (DomainError, CannotUnseal) as error:
        return Outcome(OutcomeStatus.FAILED, error=str(error), reason="not_sent")
    except Exception as error:  # a connector's bug after the intent: nobody knows what happened
        log.exception("connector_crashed", action=action.public_id)
        return Outcome(
            OutcomeStatus.UNKNOWN, error=f"The connector failed: {type(error).__name__}",
            reason="connector_error", may_have_happened=True,
        )  # fmt: skip


def finish(execution: Execution, outcome: Outcome) -> None:
    """Commit what came of it, if this attempt is still the newest one."""
    with transaction.atomic():
        action = (
            Action.objects.select_for_update(of=("self",))
            .select_related("environment__tenant", "tool_version__tool")
            .get(pk=execution.action_id)
        )
        if action.attempts != execution.attempt or action.status != ActionStatus.EXECUTING:
            log.warning("late_result_refused", action=action.public_id, attempt=execution.attempt)
            return
        execution.action = action
        if execution.status == ExecutionStatus.CLAIMED:
            _finish_unsent(execution, outcome)
        elif _again(action, outcome):
            _repeat(execution, outcome)
        else:
            _settle(execution, outcome)


def _again(action: Action, outcome: Outcome) -> bool:
    """Whether another attempt follows: nothing happened, or repeating is harmless."""
    if outcome.status == OutcomeStatus.SUCCEEDED or action.attempts >= MAX_ATTEMPTS:
        return False
    if outcome.status == OutcomeStatus.FAILED and not outcome.may_have_happened:
        return outcome.retryable
    return _may_repeat(action)


def _may_repeat(action: Action) -> bool:
    version = action.tool_version
    return version is not None and version.retry_class in REPEATABLE


def _finish_unsent(execution: Execution, outcome: Outcome) -> None:
    """The request never left: the credential or the connector was missing."""
    move(execution, ExecutionStatus.RELEASED, finished_at=Now(), error=outcome.error)
    trail.record_execution(execution, AuditAction.EXECUTION_RELEASED)
    _move_final(execution.action, ActionStatus.FAILED, code="not_sent", reason=outcome.error)


def _repeat(execution: Execution, outcome: Outcome) -> None:
    action = execution.action
    status = ExecutionStatus.UNKNOWN if outcome.may_have_happened else ExecutionStatus.FAILED
    _close(execution, status, outcome)
    wait_s = outcome.retry_after or backoff_s(action.attempts, limit_s=60)
    due_at = Now() + timedelta(seconds=wait_s)
    if outcome.may_have_happened:
        # Still executing: it may have happened, so nobody may cancel or change it now.
        move(action, ActionStatus.EXECUTING, lease_until=None, due_at=due_at)
    else:
        move(action, ActionStatus.APPROVED, lease_until=None, due_at=due_at)
        trail.record(
            action,
            AuditAction.ACTION_RELEASED,
            before=ActionStatus.EXECUTING,
            reason=outcome.reason,
        )
    ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=int(wait_s * 1000))


def _settle(execution: Execution, outcome: Outcome) -> None:
    action = execution.action
    to = ActionStatus(outcome.status.value)
    if outcome.status == OutcomeStatus.FAILED and outcome.may_have_happened:
        to = ActionStatus.UNKNOWN
    _close(execution, FINISHED_AS[to][0], outcome)
    _move_final(
        action, to, code=outcome.reason or str(to), reason=outcome.error,
        result=masked(outcome.result, _sensitive(action)),
    )  # fmt: skip


def _close(execution: Execution, status: ExecutionStatus, outcome: Outcome) -> None:
    reply = outcome.response
    response = None
    if reply is not None:
        response = {"status": reply.status, "headers": dict(reply.headers), "body": reply.body}
    move(
        execution, status, finished_at=Now(), error=outcome.error,
        response=masked(response, _sensitive(execution.action)),
    )  # fmt: skip
    what = {
        ExecutionStatus.SUCCEEDED: AuditAction.EXECUTION_SUCCEEDED,
        ExecutionStatus.FAILED: AuditAction.EXECUTION_FAILED,
        ExecutionStatus.UNKNOWN: AuditAction.EXECUTION_UNKNOWN,
    }[status]
    trail.record_execution(
        execution, what, http_status=reply.status if reply else None, reason=outcome.reason
    )


def _move_final(
    action: Action, to: ActionStatus, *, code: str, reason: str, result: Any = None
) -> None:
    before = action.status
    settled = Now() if to != ActionStatus.UNKNOWN else None
    code = "" if to == ActionStatus.SUCCEEDED else code
    try:
        move(
            action, to, lease_until=None, due_at=None, settled_at=settled, code=code[:40],
            reason=reason, result=result,
        )  # fmt: skip
    except StaleState:
        log.warning("result_came_too_late", action=action.public_id)
        raise
    trail.record(action, FINISHED_AS[to][1], before=before, reason=code)
    spending.follow(action)


def _sensitive(action: Action) -> list[str]:
    return list(action.tool_version.sensitive) if action.tool_version else []
