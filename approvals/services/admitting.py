"""Whether a run may make one call more, asked in the transaction that stores the call."""

from django.utils import timezone

from approvals.models import Action
from approvals.services.wishes import RunContext
from approvals.states import ActionStatus


def admit(action: Action, run: RunContext | None) -> None:
    """Let the run count the unsaved action; where there is no room for it, it is denied.

    A call that was refused anyway keeps its own reason, and is counted like any other.
    """
    refusal = run.take_call() if run and run.take_call else None
    if refusal is None or action.status in {ActionStatus.INVALID, ActionStatus.DENIED}:
        return
    action.status, action.code, action.reason = ActionStatus.DENIED, refusal.code, refusal.detail
    action.requirement, action.digest, action.nonce = None, "", ""
    action.approved_at = action.due_at = action.decide_by = action.execute_by = None
    action.settled_at = timezone.now()
