"""People's decisions: approve, reject, cancel, reconcile."""

import uuid
from contextlib import AbstractContextManager
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action, Approval
from approvals.services import binding, reading, trail
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.lib.states import announce, announcement, move
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.principals import Principal

EXECUTE_WITHIN = timedelta(hours=24)
MAX_COMMENT = 4000
CANCEL = "approvals.cancel_action"
RECONCILE = "approvals.reconcile_action"
CANCELABLE = frozenset({ActionStatus.PENDING, ActionStatus.APPROVED})


def approve(*, action: Action, by: Principal, digest: str, comment: str = "") -> Action:
    """Add one approving vote; with the last one needed the action goes to execution.

    Raises Denied (who may not), StaleState (changed since it was shown), Conflict (voted already).
    """
    with _attempt(action):
        locked = _lock_for_decision(action, by, digest=digest)
        vote = _cast(locked, by, decision="approve", comment=comment)
        trail.record(
            locked, AuditAction.VOTE_CAST, before=locked.status, approval=vote, actor=by.actor
        )
        if reading.progress(locked).satisfied:
            _send_to_execution(locked, by, vote)
        else:
            _touch(locked)
    return locked


def reject(*, action: Action, by: Principal, digest: str, reason: str) -> Action:
    """Refuse the action; the reason goes back to the agent.

    Raises Refused without a reason, otherwise as `approve`.
    """
    if not reason.strip():
        raise Refused("reason_missing", "Say why: the agent gets the reason as its answer.")
    with _attempt(action):
        locked = _lock_for_decision(action, by, digest=digest)
        vote = _cast(locked, by, decision="reject", comment=reason)
        before = locked.status
        move(
            locked, ActionStatus.REJECTED, code="rejected", reason=reason.strip(),
            settled_at=Now(), due_at=None,
        )  # fmt: skip
        trail.record(
            locked, AuditAction.ACTION_REJECTED, before=before, approval=vote, actor=by.actor
        )
    return locked


def cancel(*, action: Action, by: Principal, reason: str = "") -> Action:
    """Withdraw an action that has not begun. Raises Denied, or StaleState once it has."""
    with _attempt(action):
        locked = _locked(action)
        if not by.has(CANCEL) or not _is_of(locked, by):
            raise Denied("not_permitted", "You may not cancel this action.")
        _cancel(locked, by, reason=reason or f"Canceled by {by.label}.")
    return locked


def cancel_run_actions(run_id: uuid.UUID, by: Principal, *, reason: str) -> int:
    """Withdraw what a run that ended left open and not begun; how many there were."""
    waiting = Action.objects.filter(run_id=run_id, status__in=CANCELABLE)
    with transaction.atomic():
        found = list(waiting.select_for_update(of=("self",)).select_related("environment__tenant"))
        for action in found:
            _cancel(action, by, reason=reason)
    return len(found)


def reconcile(*, action: Action, by: Principal, outcome: str, evidence: str) -> Action:
    """Settle an unknown outcome by what a person found out; `outcome` is succeeded or failed.

    Raises Refused for another outcome or missing evidence, Denied, or StaleState.
    """
    if outcome not in {ActionStatus.SUCCEEDED, ActionStatus.FAILED}:
        raise Refused("invalid", "The outcome must be succeeded or failed.")
    if not evidence.strip():
        raise Refused(
            "evidence_missing", "Say what you saw at the service: it is kept as evidence."
        )
    with _attempt(action):
        locked = _locked(action)
        if not by.is_member or not by.has(RECONCILE):
            raise Denied("not_permitted", "Your roles do not let you reconcile outcomes.")
        if locked.status != ActionStatus.UNKNOWN:
            raise StaleState(f"The action is {locked.get_status_display().lower()}, not unknown.")
        before = locked.status
        move(
            locked, outcome, code="reconciled", reason=evidence.strip(), settled_at=Now(),
            result={"reconciled": outcome, "evidence": evidence.strip()},
        )  # fmt: skip
        trail.record(locked, AuditAction.ACTION_RECONCILED, before=before, actor=by.actor)
    return locked


def _attempt(action: Action) -> AbstractContextManager[None]:
    return unit_of_work(
        attempt=AuditAction.ACTION_REFUSED,
        target=trail.target(action),
        scope=action.environment.audit_scope,
        correlation_id=action.correlation_id,
    )


def _locked(action: Action) -> Action:
    """The row, locked for this transaction, with what the services read of it."""
    return (
        Action.objects.select_for_update(of=("self",))
        .select_related(
            "environment__tenant",
            "agent__owner__user",
            "tool_version__tool",
            "tool_version__connection",
            "requester_owner",
        )
        .get(pk=action.pk)
    )


def _lock_for_decision(action: Action, by: Principal, *, digest: str) -> Action:
    locked = _locked(action)
    reading.may_decide(locked, by)
    if locked.status != ActionStatus.PENDING:
        raise StaleState(
            f"The action is {locked.get_status_display().lower()} already.",
            status=locked.status,
            digest=locked.digest,
        )
    if digest != locked.digest or binding.digest_of(locked) != locked.digest:
        raise StaleState(
            "The action changed since it was shown to you: look again before deciding.",
            status=locked.status,
            digest=locked.digest,
        )
    if locked.decide_by and locked.decide_by <= timezone.now():
        raise StaleState("The time to decide is over: the action expires.", status=locked.status)
    return locked


def _cast(action: Action, by: Principal, *, decision: str, comment: str) -> Approval:
    if len(comment) > MAX_COMMENT:
        raise Refused("too_long", f"A comment has at most {MAX_COMMENT} characters.")
    vote = Approval(
        action=action, action_version=action.version, digest=action.digest, user=by.user,
        decision=decision, comment=comment.strip(),
    )  # fmt: skip
    vote.signature = binding.sign(vote)
    try:
        with transaction.atomic():
            vote.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("already_voted", "You have decided on this version already.") from error
    return vote


def _send_to_execution(action: Action, by: Principal, vote: Approval) -> None:
    hold = timedelta(seconds=binding.requirement_of(action).hold_s)
    before = action.status
    move(
        action, ActionStatus.APPROVED, approved_at=Now(), due_at=Now() + hold,
        execute_by=Now() + EXECUTE_WITHIN + hold,
    )  # fmt: skip
    trail.record(action, AuditAction.ACTION_APPROVED, before=before, approval=vote, actor=by.actor)
    ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=int(hold.total_seconds() * 1000))


def _touch(action: Action) -> None:
    """Announce a change that is not a move, such as one vote of several."""
    Action.objects.filter(pk=action.pk).update(**announcement(action))
    action.refresh_from_db()
    announce(action)


def _cancel(action: Action, by: Principal, *, reason: str) -> None:
    if action.status not in CANCELABLE:
        raise StaleState(
            f"The action is {action.get_status_display().lower()}: it cannot be canceled.",
            status=action.status,
        )
    before = action.status
    move(
        action, ActionStatus.CANCELED, code="canceled", reason=reason, settled_at=Now(), due_at=None
    )
    trail.record(action, AuditAction.ACTION_CANCELED, before=before, actor=by.actor)


def _is_of(action: Action, by: Principal) -> bool:
    """A machine cancels its own agent's actions only; a member with the permission any."""
    return by.is_member or (by.agent_id is not None and by.agent_id == action.agent_id)
