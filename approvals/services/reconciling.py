"""Settling an unknown outcome: by what a person found out, or by what the service remembers."""

from typing import Any

from django.db.models.functions import Now

from approvals.models import Action, Execution
from approvals.services import remembering, spending, trail
from approvals.services.definitions import can_look_up, definition_of
from approvals.services.locking import attempt, lock, touch
from approvals.services.masking import shown
from approvals.services.outside import account_of, connector_request
from approvals.services.remembering import Memory
from approvals.states import ActionStatus, ExecutionStatus
from audit.actions import AuditAction
from gateway.connectors.base import OutcomeStatus, Unknown
from gateway.http.door import door
from gateway.lib.errors import Denied, DomainError, Refused, StaleState
from gateway.lib.sealing import CannotUnseal
from gateway.lib.states import move
from gateway.tenants.principals import Principal

RECONCILE = "approvals.reconcile_action"
LOOKED_UP = "looked_up"
MAX_EVIDENCE = 4000


def reconcile(*, action: Action, by: Principal, outcome: str, evidence: str) -> Action:
    """Settle an unknown outcome by what a person found out; `outcome` is succeeded or failed.

    Raises Refused for another outcome or missing evidence, Denied, or StaleState.
    """
    if outcome not in {ActionStatus.SUCCEEDED, ActionStatus.FAILED}:
        raise Refused("invalid", "The outcome must be succeeded or failed.")
    if not evidence.strip() or len(evidence) > MAX_EVIDENCE:
        raise Refused(
            "evidence_missing",
            f"Say what you saw at the service, in at most {MAX_EVIDENCE} characters: it is kept "
            "as evidence.",
        )
    with attempt(action):
        locked = lock(action)
        _may_settle(locked, by)
        before = locked.status
        move(
            locked, outcome, code="reconciled", reason=evidence.strip(), settled_at=Now(),
            reopened_at=None, result={"reconciled": outcome, "evidence": evidence.strip()},
        )  # fmt: skip
        trail.record(locked, AuditAction.ACTION_RECONCILED, before=before, actor=by.actor)
        spending.follow(locked)
    return locked


def look_again(*, action: Action, by: Principal) -> Action:
    """Ask the service by key what became of it; what it remembers settles the action.

    The answer is kept with the attempt whose own was lost. Raises Refused where the service cannot
    be asked, Denied, or StaleState.
    """
    _may_settle(action, by)
    if not can_look_up(action):
        raise Refused("no_look_up", "This service cannot be asked by key: look there yourself.")
    memory = _ask(action)
    with attempt(action):
        locked = lock(action)
        _may_settle(locked, by)
        lost = _lost(locked)
        if lost is not None:
            Execution.objects.filter(pk=lost.pk).update(looked_up=memory.as_dict(locked))
        _apply(locked, memory, by)
    return locked


def _ask(action: Action) -> Memory:
    """One look-up outside of any transaction."""
    version = definition_of(action)
    try:
        with door(account_of(version)) as sender:
            request = connector_request(
                version, sender, arguments=action.arguments_value,
                rendered=action.rendered_value or {}, idempotency_key=action.public_id,
                deadline_s=remembering.LOOK_UP_DEADLINE_S,
            )  # fmt: skip
            return remembering.look_up(action, request)
    except (DomainError, CannotUnseal, Unknown) as error:
        return Memory("unreadable", detail=str(error))


def _apply(action: Action, memory: Memory, by: Principal) -> None:
    before, meta = action.status, {"by": LOOKED_UP, "state": memory.state}
    if memory.outcome is None:
        touch(action)
        trail.record(action, AuditAction.ACTION_LOOKED_UP, before=before, actor=by.actor, meta=meta)
        return
    move(
        action,
        memory.outcome.status.value,
        settled_at=Now(),
        reopened_at=None,
        **_told(action, memory),
    )
    trail.record(action, AuditAction.ACTION_RECONCILED, before=before, actor=by.actor, meta=meta)
    spending.follow(action)


def _told(action: Action, memory: Memory) -> dict[str, Any]:
    """What the row says of an outcome that the service remembers."""
    outcome = memory.outcome
    if outcome is None or outcome.status != OutcomeStatus.SUCCEEDED:
        return {"code": LOOKED_UP, "reason": memory.detail}
    version = definition_of(action)
    return {
        "code": "", "reason": "", "result": shown(action, outcome.result),
        "result_mismatch": remembering.mismatch(version, outcome.result),
    }  # fmt: skip


def check_is_unknown(action: Action) -> None:
    """Raises StaleState unless nobody knows what became of it."""
    if action.status != ActionStatus.UNKNOWN:
        word = action.get_status_display().lower()
        raise StaleState(f"The action is {word}, not unknown.", status=action.status)


def _may_settle(action: Action, by: Principal) -> None:
    if not by.is_member or not by.has(RECONCILE):
        raise Denied("not_permitted", "Your roles do not let you reconcile outcomes.")
    check_is_unknown(action)


def _lost(action: Action) -> Execution | None:
    return action.executions.filter(status=ExecutionStatus.UNKNOWN).order_by("attempt").last()
