"""An action whose service takes no more calls now waits, however often it was its turn in vain."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import executor
from approvals.execution.finishing import MAX_ATTEMPTS, finish
from approvals.execution.looking import NotSent
from approvals.models import Action, Execution
from approvals.services.previewing import Preview
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors.base import Outcome, OutcomeStatus, Reply
from gateway.lib.states import move
from tests.approvals.test_executor import approved
from tests.people import ready

pytestmark = pytest.mark.django_db


def last_attempt() -> Execution:
    """The last attempt that an action has, claimed."""
    action = approved(ready())
    execution = executor.claim(str(action.pk))
    assert execution is not None
    Execution.objects.filter(pk=execution.pk).update(attempt=MAX_ATTEMPTS)
    Action.objects.filter(pk=action.pk).update(attempts=MAX_ATTEMPTS)
    execution.refresh_from_db()
    return execution


def held_back(reason: str, *, may_have_happened: bool = False) -> Action:
    """An action after its last attempt ended so."""
    execution = last_attempt()
    move(execution, ExecutionStatus.SENT)
    finish(
        execution,
        Outcome(
            OutcomeStatus.FAILED, error="Later.", reason=reason, retryable=True, retry_after=50,
            may_have_happened=may_have_happened,
        ),
    )  # fmt: skip
    return Action.objects.get()


@pytest.mark.parametrize("reason", ["rate_limited", "circuit_open"])
def test_waiting_for_a_turn_uses_no_attempt_up(reason: str) -> None:
    action = held_back(reason)
    assert (action.status, action.settled_at) == (ActionStatus.APPROVED, None)
    assert action.due_at is not None
    assert timedelta(seconds=30) < action.due_at - timezone.now() <= timedelta(seconds=50)


@pytest.mark.parametrize(
    ("again_in_s", "status"), [(40.0, ActionStatus.APPROVED), (None, ActionStatus.PENDING)]
)
def test_a_state_that_could_not_be_read_for_want_of_a_turn_asks_nobody(
    again_in_s: float | None, status: ActionStatus
) -> None:
    execution = last_attempt()
    seen = Preview(error="Later.", again_in_s=again_in_s)
    finish(execution, NotSent("state_unreadable", "Later.", preview=seen))
    action = Action.objects.get()
    assert action.status == status
    if again_in_s:
        assert action.due_at is not None
        assert timedelta(seconds=20) < action.due_at - timezone.now() <= timedelta(seconds=40)


@pytest.mark.parametrize(
    ("reason", "may_have_happened", "status"),
    [("network", False, ActionStatus.FAILED), ("rate_limited", True, ActionStatus.UNKNOWN)],
)
def test_any_other_end_of_the_last_attempt_is_the_end(
    reason: str, may_have_happened: bool, status: ActionStatus
) -> None:
    assert held_back(reason, may_have_happened=may_have_happened).status == status


def test_attempts_that_only_waited_leave_the_later_ones_their_number() -> None:
    action = approved(ready())
    for _ in range(MAX_ATTEMPTS):
        come(action, "rate_limited")
    action = come(action, "network")
    assert (action.attempts, action.turns) == (MAX_ATTEMPTS + 1, MAX_ATTEMPTS)
    assert action.status == ActionStatus.APPROVED


def come(action: Action, reason: str) -> Action:
    """One more attempt, which ends for this reason."""
    Action.objects.filter(pk=action.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    execution = executor.claim(str(action.pk))
    assert execution is not None
    move(execution, ExecutionStatus.SENT)
    finish(execution, Outcome(OutcomeStatus.FAILED, error="No.", reason=reason, retryable=True))
    return Action.objects.get(pk=action.pk)


@pytest.mark.parametrize(
    ("named_s", "least_s", "most_s"), [(1e300, 3500, 3600), (float("inf"), 3500, 3600), (-5, 0, 1)]
)
def test_no_wait_that_a_service_names_is_endless_or_none(
    named_s: float, least_s: int, most_s: int
) -> None:
    execution = last_attempt()
    move(execution, ExecutionStatus.SENT)
    finish(
        execution,
        Outcome(
            OutcomeStatus.FAILED, error="Later.", reason="rate_limited", retryable=True,
            retry_after=named_s,
        ),
    )  # fmt: skip
    action = Action.objects.get()
    assert action.due_at is not None
    assert timedelta(seconds=least_s) < action.due_at - timezone.now() <= timedelta(seconds=most_s)


def test_any_429_only_says_later() -> None:
    execution = last_attempt()
    move(execution, ExecutionStatus.SENT)
    finish(
        execution,
        Outcome(
            OutcomeStatus.FAILED, error="Later.", reason="ratelimited", retryable=True,
            response=Reply(429, {}, ""),
        ),
    )  # fmt: skip
    assert Action.objects.get().status == ActionStatus.APPROVED
