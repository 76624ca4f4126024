"""Withdrawing what has not begun."""

import uuid

from django.db import transaction
from django.db.models.functions import Now

from approvals.models import Action
from approvals.services import spending, trail
from approvals.services.locking import attempt, lock, touch
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.errors import Denied, StaleState
from gateway.lib.states import move
from gateway.tenants.principals import Principal

CANCEL = "approvals.cancel_action"
CANCELABLE = frozenset({ActionStatus.PENDING, ActionStatus.APPROVED})


def cancel(*, action: Action, by: Principal, reason: str = "") -> Action:
    """Withdraw an action that has not begun. Raises Denied, or StaleState once it has."""
    with attempt(action):
        locked = lock(action)
        if not by.has(CANCEL) or not _is_of(locked, by):
            raise Denied("not_permitted", "You may not cancel this action.")
        _cancel(locked, by, reason=reason or f"Canceled by {by.label}.")
        spending.follow(locked)
    return locked


def cancel_run_actions(run_id: uuid.UUID, by: Principal, *, reason: str) -> int:
    """Withdraw what a run that ended left open and not begun; how many there were.

    What is under way is called off: settled, looked up or left unknown, but never tried again.
    """
    # What two people ordered again may have happened: canceling would deny that.
    waiting = Action.objects.filter(run_id=run_id, status__in=CANCELABLE, reopened_at=None)
    with transaction.atomic():
        # Those under way first: one that comes back meanwhile is found among the waiting.
        _call_off(run_id, by)
        found = list(waiting.select_for_update(of=("self",)).select_related("environment__tenant"))
        for action in found:
            _cancel(action, by, reason=reason)
        spending.follow(*found)
    return len(found)


def _call_off(run_id: uuid.UUID, by: Principal) -> None:
    under_way = Action.objects.filter(
        run_id=run_id, status=ActionStatus.EXECUTING, called_off_at=None
    )
    rows = under_way.select_for_update(of=("self",)).select_related("environment__tenant")
    for action in rows:
        touch(action, called_off_at=Now())
        trail.record(action, AuditAction.ACTION_CALLED_OFF, before=action.status, actor=by.actor)


def _cancel(action: Action, by: Principal, *, reason: str) -> None:
    if action.status not in CANCELABLE:
        raise StaleState(
            f"The action is {action.get_status_display().lower()}: it cannot be canceled.",
            status=action.status,
        )
    if action.reopened_at is not None:
        raise StaleState(
            "It may have happened already, and two people ordered it again: it cannot be canceled.",
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
