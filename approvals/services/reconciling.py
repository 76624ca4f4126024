"""Settling an unknown outcome by what a person found out."""

from django.db.models.functions import Now

from approvals.models import Action
from approvals.services import spending, trail
from approvals.services.locking import attempt, lock
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.lib.states import move
from gateway.tenants.principals import Principal

RECONCILE = "approvals.reconcile_action"


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
    with attempt(action):
        locked = lock(action)
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
        spending.follow(locked)
    return locked
