"""Running again what may have happened: two different people say so, under the same key.

The first looks at the service and orders it, the second looks as well and confirms. Digest,
requirement and votes stay what they were; the claim looks at all of them once more. Whatever keeps
the action from being sent then leaves it as unknown as it was. Where the rule asks voters to prove
that they are there, it asks these two as well.
"""

from datetime import timedelta

from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action, RunAgain
from approvals.services import reading, trail
from approvals.services.locking import attempt, lock, touch
from approvals.services.reconciling import RECONCILE, check_is_unknown
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.states import move
from gateway.tenants.models import User
from gateway.tenants.principals import Principal

EXECUTE_WITHIN = timedelta(hours=24)
MAX_REASON = 4000


def order_again(*, action: Action, by: Principal, reason: str) -> RunAgain:
    """Order an action of unknown outcome to be sent once more; nothing happens until somebody else
    confirms it.

    Raises Refused without a reason, Denied (who may not, or has to prove first that they are there,
    as for the votes), StaleState, Conflict where it is ordered.
    """
    if not reason.strip() or len(reason) > MAX_REASON:
        detail = f"Say what you saw at the service, in at most {MAX_REASON} characters."
        raise Refused("reason_missing", detail)
    with attempt(action):
        locked = lock(action)
        user = may_run_again(locked, by)
        reading.check_is_there(locked, by)
        if given := open_order(locked):
            detail = "It is ordered already: somebody else than who ordered it confirms it."
            raise Conflict("already_ordered", detail, order=given.public_id)
        order = RunAgain.objects.create(action=locked, ordered_by=user, reason=reason.strip())
        touch(locked)
        _record(locked, AuditAction.RUN_AGAIN_ORDERED, order, by, before=locked.status)
    return order


def confirm_again(*, action: Action, by: Principal, order: str) -> Action:
    """Confirm the order of this id: the action is approved once more and runs.

    Raises Denied (also for who ordered it, or has to prove first that they are there), StaleState
    (settled), Conflict (another order by now).
    """
    with attempt(action):
        locked = lock(action)
        user = may_run_again(locked, by)
        given = open_order(locked)
        if given is None or given.public_id != order:
            raise Conflict("no_such_order", "This order to run it again is not open: look again.")
        if given.ordered_by_id == user.pk:
            raise Denied("second_person", "Somebody else than who ordered it confirms it.")
        reading.check_is_there(locked, by)
        given.confirmed_by, given.confirmed_at = user, timezone.now()
        given.after_attempt = locked.attempts
        given.save(update_fields=["confirmed_by", "confirmed_at", "after_attempt"])
        before = locked.status
        move(
            locked, ActionStatus.APPROVED, due_at=Now(), reopened_at=Now(), called_off_at=None,
            execute_by=Now() + EXECUTE_WITHIN, code="", reason="", turns=locked.attempts,
        )  # fmt: skip
        _record(locked, AuditAction.RUN_AGAIN_CONFIRMED, given, by, before=before)
        ring(JobName.EXECUTE_ACTION, str(locked.pk))
    return locked


def open_order(action: Action) -> RunAgain | None:
    """The order that waits for a second person."""
    found = RunAgain.objects.filter(action=action, confirmed_at=None)
    return found.select_related("ordered_by").first()


def is_ordered_after(action: Action, attempt_number: int) -> bool:
    """Whether two people ordered another attempt after the one with this number."""
    given = RunAgain.objects.filter(action=action, after_attempt__gte=attempt_number)
    return given.exists()


def may_run_again(action: Action, by: Principal) -> User:
    """The person, who may order or confirm it; raises Denied, or StaleState once it is settled."""
    if not by.is_member or by.user is None or not by.has(RECONCILE):
        raise Denied("not_permitted", "Your roles do not let you run it again.")
    if by.user.public_id in reading.people_behind(action):
        raise Denied("own_action", "Nobody orders again what they asked for or answer for.")
    check_is_unknown(action)
    return by.user


def _record(
    action: Action, what: AuditAction, order: RunAgain, by: Principal, *, before: str
) -> None:
    """The reason's text stays with the row: what is in the log can never be erased."""
    trail.record(action, what, before=before, actor=by.actor, meta={"order": order.public_id})
