"""An action whose service takes no more calls now waits, however often it was its turn in vain."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import executor
from approvals.execution.finishing import MAX_ATTEMPTS, finish
from approvals.models import Action, Execution
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.lib.states import move
from tests.approvals.test_executor import approved
from tests.people import ready

pytestmark = pytest.mark.django_db


def held_back(reason: str, *, may_have_happened: bool = False) -> Action:
    """An action after its last attempt ended so."""
    action = approved(ready())
    execution = executor.claim(str(action.pk))
    assert execution is not None
    move(execution, ExecutionStatus.SENT)
    Execution.objects.filter(pk=execution.pk).update(attempt=MAX_ATTEMPTS)
    Action.objects.filter(pk=action.pk).update(attempts=MAX_ATTEMPTS)
    execution.refresh_from_db()
    finish(
        execution,
        Outcome(
            OutcomeStatus.FAILED, error="Later.", reason=reason, retryable=True, retry_after=50,
            may_have_happened=may_have_happened,
        ),
    )  # fmt: skip
    action.refresh_from_db()
    return action


@pytest.mark.parametrize("reason", ["rate_limited", "circuit_open"])
def test_waiting_for_a_turn_uses_no_attempt_up(reason: str) -> None:
    action = held_back(reason)
    assert (action.status, action.settled_at) == (ActionStatus.APPROVED, None)
    assert action.due_at is not None
    assert timedelta(seconds=30) < action.due_at - timezone.now() <= timedelta(seconds=50)


@pytest.mark.parametrize(
    ("reason", "may_have_happened", "status"),
    [("network", False, ActionStatus.FAILED), ("rate_limited", True, ActionStatus.UNKNOWN)],
)
def test_any_other_end_of_the_last_attempt_is_the_end(
    reason: str, may_have_happened: bool, status: ActionStatus
) -> None:
    assert held_back(reason, may_have_happened=may_have_happened).status == status
