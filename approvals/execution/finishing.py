"""What came of an attempt: settled, tried again later, sent back to people, or not known.

Nothing is guessed. An attempt that may have happened leaves the action where nobody can cancel it,
until it is repeated by its class, looked up by its key, or a person says what they saw.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from math import isfinite
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.execution.looking import NotSent, is_too_late, lost_before, may_go_on
from approvals.models import Action, Execution
from approvals.services import drifting, remembering, spending, targets, trail
from approvals.services.definitions import definition_of
from approvals.services.masking import shown
from approvals.services.reconciling import LOOKED_UP
from approvals.states import ActionStatus, ExecutionStatus
from audit.actions import AuditAction
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.errors import NOT_OUR_TURN
from gateway.lib.broker import JobName, ring
from gateway.lib.clock import database_now
from gateway.lib.errors import StaleState
from gateway.lib.states import hold, move
from gateway.lib.work import backoff_s

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 8
# A state that cannot be read again for half a minute is for people to look at.
MAX_LOOKS = 6
LONGEST_WAIT_S = 60
SHORTEST_WAIT_S, LONGEST_NAMED_S = 1.0, 3600.0
TOO_MANY = 429
NOT_SHOWN = "[not shown: it could not be masked]"
# No call takes longer: what a service does not know by then, it was never asked.
REMEMBERED_WITHIN = timedelta(seconds=30)
FINISHED_AS = {
    ActionStatus.SUCCEEDED: (ExecutionStatus.SUCCEEDED, AuditAction.ACTION_SUCCEEDED),
    ActionStatus.FAILED: (ExecutionStatus.FAILED, AuditAction.ACTION_FAILED),
    ActionStatus.UNKNOWN: (ExecutionStatus.UNKNOWN, AuditAction.ACTION_UNKNOWN),
}
CLOSED_AS = {
    ExecutionStatus.SUCCEEDED: AuditAction.EXECUTION_SUCCEEDED,
    ExecutionStatus.FAILED: AuditAction.EXECUTION_FAILED,
    ExecutionStatus.UNKNOWN: AuditAction.EXECUTION_UNKNOWN,
}


@dataclass(frozen=True)
class _Told(Outcome):
    """An outcome as it is kept, masked; `mismatch` is where its result is not what was promised."""

    mismatch: str = ""


def finish(execution: Execution, outcome: Outcome | NotSent) -> None:
    """Commit what came of it, if this attempt is still the newest one."""
    again = None
    outcome = _safe(execution.action, outcome)
    if isinstance(outcome, NotSent) and outcome.reason == "target_drifted":
        again = drifting.asked_anew(execution.action, outcome.preview)
    with transaction.atomic():
        action = execution.action
        hold(action)
        if action.attempts != execution.attempt or action.status != ActionStatus.EXECUTING:
            log.warning("late_result_refused", action=action.public_id, attempt=execution.attempt)
            return
        lost = lost_before(execution)
        if isinstance(outcome, NotSent):
            _release(execution, outcome, lost=lost)
            _after_release(action, outcome, lost=lost, again=again)
        elif _again(action, outcome):
            _repeat(execution, outcome, lost=lost)
        else:
            _settle(execution, outcome, lost=lost)


def _safe(action: Action, outcome: Outcome | NotSent) -> Outcome | NotSent:
    """The same, repeating nothing hidden: a service may say what it was sent.

    Before the transaction: with many values this takes a while, and no row is locked meanwhile.
    """
    if isinstance(outcome, Outcome):
        return _told(action, outcome)
    memory = outcome.memory
    if memory and memory.outcome:
        memory = replace(memory, outcome=_told(action, memory.outcome))
    return replace(outcome, detail=shown(action, outcome.detail), memory=memory)


def _told(action: Action, outcome: Outcome) -> _Told:
    mismatch = ""
    if outcome.status == OutcomeStatus.SUCCEEDED:
        mismatch = remembering.mismatch(definition_of(action), outcome.result)
    reply = outcome.response
    if reply is not None:
        headers = _shown(action, dict(reply.headers), {})
        reply = replace(reply, headers=headers, body=_shown(action, reply.body, NOT_SHOWN))
    told = {
        "error": _shown(action, outcome.error, NOT_SHOWN),
        "result": _shown(action, outcome.result, None),
    }
    return _Told(**{**vars(outcome), **told, "response": reply, "mismatch": mismatch})


def _shown(action: Action, said: Any, instead: Any) -> Any:
    """What may be kept of it. A fault of ours there must not cost what is known of the call."""
    try:
        return shown(action, said)
    except DatabaseError:
        raise
    except Exception:
        log.exception("answer_not_shown", action=action.public_id)
        return instead


def _release(execution: Execution, held: NotSent, *, lost: Execution | None) -> None:
    move(
        execution, ExecutionStatus.RELEASED, finished_at=Now(), error=held.detail,
        looked_up=execution.looked_up,
    )  # fmt: skip
    about = {"about": lost.public_id} if held.memory and lost else {}
    trail.record_execution(execution, AuditAction.EXECUTION_RELEASED, reason=held.reason, **about)


def _after_release(
    action: Action, held: NotSent, *, lost: Execution | None, again: drifting.Anew | None
) -> None:
    if held.memory and (outcome := held.memory.outcome):
        known = replace(outcome, reason=LOOKED_UP)
        _move_as(action, ActionStatus(outcome.status.value), known)
    elif lost is not None:
        _wait_or_ask(action, held, lost)
    elif held.reason == "not_sent":
        move_final(action, ActionStatus.FAILED, code=held.reason, reason=held.detail)
    else:
        _hold_back(action, held, again=again)


def _wait_or_ask(action: Action, held: NotSent, lost: Execution) -> None:
    """Ask the service once more, a little later; within a bound, then a person is asked."""
    if _asked_nothing(held) and not is_too_late(action):
        wait_s = _bounded(held.again_in_s) if held.again_in_s else _backoff_s(action)
        _wait(action, ActionStatus.EXECUTING, wait_s=wait_s, **_one_turn_more())
        return
    is_late = lost.sent_at is None or lost.sent_at <= database_now() - REMEMBERED_WITHIN
    is_over = _tries(action) >= MAX_ATTEMPTS or held.reason in {"not_sent", "moved_since"}
    if is_over or (held.reason == "absent" and is_late):
        reason = f"An answer was lost, and the service could not be asked for it: {held.detail}"
        if held.reason in {"absent", "moved_since"}:
            reason = f"An answer was lost, and the call is not repeated. {held.detail}"
        move_final(action, ActionStatus.UNKNOWN, code=f"lookup_{held.reason}", reason=reason)
        return
    _wait(action, ActionStatus.EXECUTING, wait_s=_backoff_s(action))


def _hold_back(action: Action, held: NotSent, *, again: drifting.Anew | None) -> None:
    """Nothing had left: back to approved, and from there to people where they are needed."""
    turn_in_s = held.again_in_s
    wait_s = 0.0 if again else _bounded(turn_in_s) if turn_in_s else _backoff_s(action)
    # The page says why it does not run yet.
    waited = _one_turn_more() if _asked_nothing(held) else {}
    _wait(
        action, ActionStatus.APPROVED, wait_s=wait_s, code=held.reason, reason=held.detail,
        **waited,
    )  # fmt: skip
    trail.record(
        action, AuditAction.ACTION_RELEASED, before=ActionStatus.EXECUTING, reason=held.reason
    )
    if action.called_off_at is not None:
        return
    if again is not None:
        drifting.follow(action, again, detail=held.detail)
    elif held.reason == "state_unreadable" and turn_in_s is None and _tries(action) >= MAX_LOOKS:
        drifting.ask_people(action, detail=held.detail)


def _again(action: Action, outcome: Outcome) -> bool:
    """Whether another attempt follows: nothing happened, or finding out is harmless."""
    if _only_waits(outcome):
        # A service that is down or busy all day is no failure of the action: `execute_by` ends it.
        return True
    if outcome.status == OutcomeStatus.SUCCEEDED or _tries(action) >= MAX_ATTEMPTS:
        return False
    if outcome.status == OutcomeStatus.FAILED and not outcome.may_have_happened:
        return outcome.retryable
    return may_go_on(action, action.attempts)


def _asked_nothing(held: NotSent) -> bool:
    """Whether it could not even ask: it was not its turn, or had no token, or not the target."""
    return held.again_in_s is not None or held.reason in {"no_token", "target_taken"}


def _only_waits(outcome: Outcome) -> bool:
    """Nothing was done, and the service only says "later": no failure of the action."""
    is_busy = outcome.response is not None and outcome.response.status == TOO_MANY
    return (is_busy or outcome.reason in NOT_OUR_TURN) and not outcome.may_have_happened


def _one_turn_more() -> dict[str, Any]:
    """The attempt only waited for its turn: it is none of those that an action has."""
    return {"turns": F("turns") + 1}


def _tries(action: Action) -> int:
    return action.attempts - action.turns


def _repeat(execution: Execution, outcome: Outcome, *, lost: Execution | None) -> None:
    action = execution.action
    status = ExecutionStatus.UNKNOWN if outcome.may_have_happened else ExecutionStatus.FAILED
    _close(execution, status, outcome)
    wait_s = _bounded(outcome.retry_after) if outcome.retry_after else _backoff_s(action)
    waited = _one_turn_more() if _only_waits(outcome) else {}
    if outcome.may_have_happened or lost is not None:
        # Still executing: it may have happened, so nobody may cancel or change it now.
        _wait(action, ActionStatus.EXECUTING, wait_s=wait_s, **waited)
        return
    _wait(action, ActionStatus.APPROVED, wait_s=wait_s, **waited)
    trail.record(
        action, AuditAction.ACTION_RELEASED, before=ActionStatus.EXECUTING, reason=outcome.reason
    )


def _wait(action: Action, to: ActionStatus, *, wait_s: float, **columns: Any) -> None:
    due_at = Now() + timedelta(seconds=wait_s)
    move(action, to, lease_until=None, due_at=due_at, **columns)
    if to == ActionStatus.EXECUTING:
        # Nobody else touches what it may just have changed, until that is known.
        targets.keep(action, lease=timedelta(seconds=wait_s) + LEASE)
    else:
        targets.release(action)
    ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=int(wait_s * 1000))


def _bounded(named_s: float) -> float:
    """The wait that a service named, in seconds: no endless one, and none that makes a hot loop."""
    return (
        min(max(named_s, SHORTEST_WAIT_S), LONGEST_NAMED_S)
        if isfinite(named_s)
        else LONGEST_NAMED_S
    )


def _backoff_s(action: Action) -> float:
    return backoff_s(action.attempts, limit_s=LONGEST_WAIT_S)


def _settle(execution: Execution, outcome: Outcome, *, lost: Execution | None) -> None:
    to = ActionStatus(outcome.status.value)
    did_fail = outcome.status == OutcomeStatus.FAILED
    _close(execution, _attempt_status(outcome), outcome)
    if did_fail and (outcome.may_have_happened or lost is not None):
        # A refusal of this attempt says nothing about one whose answer was lost.
        to = ActionStatus.UNKNOWN
    _move_as(execution.action, to, outcome)


def _attempt_status(outcome: Outcome) -> ExecutionStatus:
    if outcome.status == OutcomeStatus.FAILED and outcome.may_have_happened:
        return ExecutionStatus.UNKNOWN
    return FINISHED_AS[ActionStatus(outcome.status.value)][0]


def _move_as(action: Action, to: ActionStatus, outcome: Outcome) -> None:
    did_succeed = to == ActionStatus.SUCCEEDED
    mismatch = outcome.mismatch if did_succeed and isinstance(outcome, _Told) else ""
    move_final(
        action, to, code=outcome.reason or str(to), reason=outcome.error,
        result=outcome.result, result_mismatch=mismatch,
    )  # fmt: skip


def _close(execution: Execution, status: ExecutionStatus, outcome: Outcome) -> None:
    reply = outcome.response
    response = None
    if reply is not None:
        response = {
            "status": reply.status, "headers": dict(reply.headers), "body": reply.body,
        }  # fmt: skip
    move(execution, status, finished_at=Now(), error=outcome.error, response=response)
    trail.record_execution(
        execution, CLOSED_AS[status], http_status=reply.status if reply else None,
        reason=outcome.reason,
    )  # fmt: skip


def move_final(
    action: Action, to: ActionStatus, *, code: str, reason: str, result: Any = None,
    result_mismatch: str = "",
) -> None:  # fmt: skip
    """Move where no worker has anything to do any more, with its record and its budgets."""
    before = action.status
    settled = Now() if to != ActionStatus.UNKNOWN else None
    # Two people's order ends with what came of it.
    columns = {"reopened_at": None} if action.reopened_at else {}
    code = "" if to == ActionStatus.SUCCEEDED else code
    try:
        move(
            action, to, lease_until=None, due_at=None, settled_at=settled, code=code[:40],
            reason=reason, result=result, result_mismatch=result_mismatch, **columns,
        )  # fmt: skip
    except StaleState:
        log.warning("result_came_too_late", action=action.public_id)
        raise
    meta = {"result_mismatch": True} if result_mismatch else None
    trail.record(action, FINISHED_AS[to][1], before=before, reason=code, meta=meta)
    targets.release(action)
    spending.follow(action)
