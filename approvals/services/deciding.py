"""People's votes: approve and reject."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from approvals.loops import LOOP
from approvals.models import Action, Approval, Opening
from approvals.services import binding, editing, reading, spending, trail
from approvals.services.locking import attempt, check_definition, lock_for_decision, touch
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.states import move
from gateway.tenants.principals import Principal

EXECUTE_WITHIN = timedelta(hours=24)
MAX_COMMENT = 4000


def approve(
    *, action: Action, by: Principal, digest: str, comment: str = "", arguments: Any = None
) -> Action:
    """Add one approving vote; with the last one needed the action goes to execution.

    With `arguments` they are edited first, as `editing.edit` does; the vote is then for the new
    version, and left out where its editor may not approve it: the action stays pending.
    Raises Denied (who may not), StaleState (changed since it was shown), Conflict (voted already),
    Refused (longer than a person reads), Exceeded (a budget has no room; nothing is counted then,
    and the action goes on waiting).
    """
    edit = None
    if arguments is not None:
        edit = editing.prepare(action=action, by=by, digest=digest, arguments=arguments)
    with attempt(action):
        locked = lock_for_decision(action, by, digest=digest, approving=edit is None)
        if edit is not None:
            editing.apply(locked, edit, by=by, comment=comment)
            if not _may_approve_too(locked, by):
                return locked
            check_definition(locked)
        _approve(locked, by, comment=comment)
    return locked


def _may_approve_too(action: Action, by: Principal) -> bool:
    """Whether the editor's own vote counts for what was made of the action."""
    if action.status != ActionStatus.PENDING or reading.must_step_up(action, by):
        return False
    try:
        reading.may_decide(action, by)
    except Denied:
        return False
    return True


def _approve(action: Action, by: Principal, *, comment: str) -> None:
    if found := reading.unreadable(action.arguments):
        raise Refused(found.code, found.detail)
    reading.check_is_there(action, by)
    vote = cast(action, by, decision="approve", comment=comment)
    _record(action, AuditAction.VOTE_CAST, vote, by, before=action.status)
    if reading.progress(action).satisfied:
        hold_s = binding.requirement_of(action).hold_s
        send_to_execution(action, by, vote, hold_s=hold_s)
    else:
        touch(action)


def reject(*, action: Action, by: Principal, digest: str, reason: str) -> Action:
    """Refuse the action; the reason of the last refusal needed goes back to the agent.

    Raises Refused without a reason, otherwise as `approve`.
    """
    if not reason.strip():
        raise Refused("reason_missing", "Say why: the agent gets the reason as its answer.")
    with attempt(action):
        locked = lock_for_decision(action, by, digest=digest, approving=False)
        vote = cast(locked, by, decision="reject", comment=reason)
        before = locked.status
        if not reading.progress(locked).is_rejected:
            _record(locked, AuditAction.VOTE_CAST, vote, by, before=before)
            touch(locked)
            return locked
        move(
            locked, ActionStatus.REJECTED, code="rejected", reason=reason.strip(),
            settled_at=Now(), due_at=None,
        )  # fmt: skip
        _record(locked, AuditAction.ACTION_REJECTED, vote, by, before=before)
    return locked


def cast(action: Action, by: Principal, *, decision: str, comment: str) -> Approval:
    """Store a signed decision on the present version. Raises Refused, or Conflict for a second."""
    if len(comment) > MAX_COMMENT:
        raise Refused("too_long", f"A comment has at most {MAX_COMMENT} characters.")
    delegation = None
    if decision != Approval.Decision.BREAK_GLASS:  # nobody decides alone in another's place
        delegation = reading.may_decide(action, by, approving=decision == Approval.Decision.APPROVE)
    vote = Approval(
        action=action, action_version=action.version, digest=action.digest, user=by.user,
        delegation=delegation, on_behalf_of=delegation.delegator if delegation else None,
        opened_at=_opened_at(action, by), decision=decision, comment=comment.strip(),
        stage=reading.progress(action).open_stage,
    )  # fmt: skip
    if by.authentication:
        vote.authenticated_at = by.authentication.at
        vote.authentication_methods = list(by.authentication.methods)
        if by.authentication.signed and by.authentication.has_signed(action.digest):
            vote.assertion = by.authentication.signed.assertion.as_dict()
    vote.signature = binding.sign(vote)
    try:
        with transaction.atomic():
            vote.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("already_voted", "You have decided on this version already.") from error
    return vote


def _opened_at(action: Action, by: Principal) -> datetime | None:
    seen = Opening.objects.filter(action=action, user=by.user, action_version=action.version)
    return seen.values_list("opened_at", flat=True).first()


def _record(
    action: Action, what: AuditAction, vote: Approval, by: Principal, *, before: str
) -> None:
    """Record what a vote did; the record says also for whom a substitute cast it."""
    actor = by.actor
    if vote.on_behalf_of is not None:
        actor = replace(actor, on_behalf_of=vote.on_behalf_of.public_id)
    trail.record(action, what, before=before, approval=vote, actor=actor)


def send_to_execution(action: Action, by: Principal, vote: Approval, *, hold_s: int) -> None:
    """Set aside what it takes of budgets and let it run after the hold. Raises Exceeded."""
    hold = timedelta(seconds=hold_s)
    before = action.status
    spending.set_aside(action)
    move(
        action, ActionStatus.APPROVED, approved_at=Now(), due_at=Now() + hold,
        execute_by=Now() + EXECUTE_WITHIN + hold, **_settled_words(action),
    )  # fmt: skip
    _record(action, AuditAction.ACTION_APPROVED, vote, by, before=before)
    ring(JobName.EXECUTE_ACTION, str(action.pk), delay_ms=int(hold.total_seconds() * 1000))


def _settled_words(action: Action) -> dict[str, str]:
    """Why it was held is answered by the approval; a loop's card is counted from, and stays one."""
    return {} if action.code == LOOP else {"code": "", "reason": ""}
