"""Taking an approval back while it rests, and giving a decision more time."""

from datetime import datetime, timedelta

from approvals.models import Action
from approvals.policy import engine
from approvals.requirement import MAX_EXPIRES_S, Requirement
from approvals.services import reading, trail, versions
from approvals.services.locking import attempt, check_is_pending, lock, touch
from approvals.services.withdrawing import CANCEL
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.clock import database_now
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.tenants.principals import Principal

LONGEST = timedelta(seconds=MAX_EXPIRES_S)
MAX_REASON = 4000


def undo(*, action: Action, by: Principal, reason: str = "") -> Action:
    """Back to review from its hold: a new version, a new digest, every vote void.

    Whoever could decide it may, and whoever could cancel it. Raises Denied, or StaleState once the
    hold has ended, since from then on a worker may take it at any moment.
    """
    if len(reason) > MAX_REASON:
        raise Refused("too_long", f"A reason has at most {MAX_REASON} characters.")
    with attempt(action):
        locked = lock(action)
        _may_undo(locked, by)
        check_is_held(locked)
        before = locked.status
        versions.return_to_review(
            locked, _asked(locked), origin=versions.Origin.UNDONE, by=by.user,
            comment=reason.strip(),
        )  # fmt: skip
        trail.record(locked, AuditAction.ACTION_UNDONE, before=before, actor=by.actor)
    return locked


def extend(*, action: Action, by: Principal, decide_by: datetime) -> Action:
    """Give a pending action a later deadline; votes and digest stay as they are.

    Raises Refused for a time that is not later, or beyond the longest that a rule could have
    given, Denied, or StaleState (decided or expired already).
    """
    with attempt(action):
        locked = lock(action)
        if not by.is_member or not by.has(reading.DECIDE):
            raise Denied("not_permitted", "Your roles in this environment do not let you decide.")
        check_is_pending(locked)
        _check_later(locked, decide_by)
        change = [locked.decide_by.isoformat() if locked.decide_by else None, decide_by.isoformat()]
        touch(locked, decide_by=decide_by)
        trail.record(
            locked, AuditAction.ACTION_EXTENDED, before=locked.status, actor=by.actor,
            meta={"decide_by": change},
        )  # fmt: skip
    return locked


def check_is_held(action: Action) -> None:
    """Raises StaleState unless it is approved, not claimed, and rests until its hold ends."""
    if action.status != ActionStatus.APPROVED:
        word = action.get_status_display().lower()
        raise StaleState(f"The action is {word}: there is no approval to undo.", status=word)
    is_over = action.due_at is None or action.due_at <= database_now()
    if is_over or action.lease_until is not None or action.executions.exists():
        raise StaleState("The hold has ended: the action may be under way.", status=action.status)


def latest_deadline(action: Action) -> datetime:
    """How far a deadline can be moved: what the longest rule would have given from the start."""
    return action.created_at + LONGEST


def _may_undo(action: Action, by: Principal) -> None:
    """It only ever stops something, so the right to cancel is enough, too."""
    if by.is_member and by.has(CANCEL):
        return
    reading.may_decide(action, by, approving=False)


def _asked(action: Action) -> Requirement:
    """What the votes answered to; a person's doubt about what rules allowed asks for people."""
    if action.requirement:
        return Requirement.from_dict(action.requirement)
    return engine.evaluate((), action.facts).floor


def _check_later(action: Action, decide_by: datetime) -> None:
    if action.decide_by and decide_by <= action.decide_by:
        raise Refused("not_later", "The new deadline must be later than the present one.")
    if decide_by > latest_deadline(action):
        days = LONGEST.days
        raise Refused("too_late", f"A decision waits at most {days} days from when it was asked.")
