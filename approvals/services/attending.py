"""Who looks after a waiting action: taking it up, assigning it, putting it aside.

None of it decides anything or keeps anybody from deciding.
"""

from datetime import datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action, Opening, Snooze
from approvals.services import reading, trail
from approvals.services.locking import attempt, check_is_pending, lock, touch
from approvals.services.people import DECIDE
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.tenants import services as tenants
from gateway.tenants.models import Group, Member, User
from gateway.tenants.principals import Principal, of_user

ASSIGN = "approvals.assign_action"
VIEW = "approvals.view_action"
GROUP = "group:"
USER = "user:"
TAKEN_FOR = timedelta(minutes=15)
MAX_SNOOZE = timedelta(days=30)


def take_up(*, action: Action, by: Principal) -> Action:
    """Say that one is on it, for 15 minutes; it blocks nobody, and the next one takes over.

    Raises Denied for who may not decide it, StaleState unless it is pending.
    """
    with attempt(action):
        locked = lock(action)
        reading.may_decide(locked, by)
        check_is_pending(locked)
        touch(locked, taken_by=by.user, taken_until=Now() + TAKEN_FOR)
        trail.record(locked, AuditAction.ACTION_TAKEN, before=locked.status, actor=by.actor)
    return locked


def let_go(*, action: Action, by: Principal) -> Action:
    """Say that one is not on it any more. Raises StaleState where one is not."""
    with attempt(action):
        locked = lock(action)
        if by.user is None or locked.taken_by_id != by.user.pk:
            raise StaleState("You are not on this action.", status=locked.status)
        touch(locked, taken_by=None, taken_until=None)
        trail.record(locked, AuditAction.ACTION_LET_GO, before=locked.status, actor=by.actor)
    return locked


def assign(*, action: Action, by: Principal, to: str) -> Action:
    """Name who should decide: `group:slug`, a member's id or address; empty names nobody.

    Everybody who could decide before still can. Raises Denied, Refused for somebody who may not
    decide it, StaleState unless it is pending.
    """
    with attempt(action):
        locked = lock(action)
        if not by.is_member or not by.has(ASSIGN):
            raise Denied("not_permitted", "Your roles here do not let you assign actions.")
        check_is_pending(locked)
        group = _group(locked, to) if to.startswith(GROUP) else None
        member = _member(locked, to) if to and group is None else None
        before = _assigned(locked)
        touch(locked, assignee=member.user if member else None, assigned_group=group)
        trail.record(
            locked, AuditAction.ACTION_ASSIGNED, before=locked.status, actor=by.actor,
            meta={"from": before, "to": _assigned(locked)},
        )  # fmt: skip
    return locked


def snooze(*, action: Action, by: Principal, until: datetime | None = None) -> Snooze:
    """Hide the action from one's own inbox until a time, at the longest until it changes.

    No deadline moves. Raises Denied, Refused for a time that is past or further off than 30 days,
    StaleState unless it is pending.
    """
    now = timezone.now()
    if until is not None and not now < until <= now + MAX_SNOOZE:
        raise Refused("invalid", "Choose a time in the next 30 days.")
    with attempt(action):
        locked = lock(action)
        user = _reader(by)
        check_is_pending(locked)
        aside, _ = Snooze.objects.update_or_create(
            action=locked,
            user=user,
            defaults={"until": until, "row_version": locked.row_version},
        )
        trail.record(
            locked, AuditAction.ACTION_SNOOZED, before=locked.status, actor=by.actor,
            meta={"until": until.isoformat() if until else None},
        )  # fmt: skip
    return aside


def wake(*, action: Action, by: Principal) -> Action:
    """Show it in one's own inbox again; nothing happens where it was not hidden."""
    with attempt(action):
        locked = lock(action)
        if Snooze.objects.filter(action=locked, user=_reader(by)).delete()[0]:
            trail.record(locked, AuditAction.ACTION_WOKEN, before=locked.status, actor=by.actor)
    return locked


def opened(action: Action, user: User) -> None:
    """Note when somebody who may decide first saw a pending action in its present version."""
    if action.status != ActionStatus.PENDING or not user.has_perm(DECIDE, action.environment):
        return
    seen = {"action_version": action.version, "opened_at": timezone.now()}
    row, is_new = Opening.objects.get_or_create(action=action, user=user, defaults=seen)
    if not is_new and row.action_version < action.version:
        Opening.objects.filter(pk=row.pk).update(**seen)


def _reader(by: Principal) -> User:
    if by.user is None or not by.is_member or not by.has(VIEW):
        raise Denied("not_permitted", "Only a member has an inbox here.")
    return by.user


def _member(action: Action, text: str) -> Member:
    member = tenants.find_member(action.environment.tenant, text.removeprefix(USER))
    if not _may_decide(action, member.user):
        raise Refused("not_eligible", f"{member} may not decide this action.")
    return member


def _may_decide(action: Action, user: User) -> bool:
    try:
        reading.may_decide(action, of_user(user, action.environment))
    except Denied:
        return False
    return True


def _group(action: Action, text: str) -> Group:
    slug = text.removeprefix(GROUP)
    group: Group | None = Group.objects.of(action.environment.tenant).filter(slug=slug).first()
    if group is None:
        raise Refused("unknown_group", f"There is no group {slug[:40]!r}.")
    if not any(slug in member.group_slugs() for member in reading.eligible_reviewers(action)):
        raise Refused("not_eligible", f"Nobody in {group} may decide this action.")
    return group


def _assigned(action: Action) -> str | None:
    """As a record names it: by id, never by name."""
    who = action.assignee or action.assigned_group
    return who.public_id if who else None
