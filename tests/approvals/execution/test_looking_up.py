"""What became of a lost answer is asked by key first; what is not known is never guessed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import executor
from approvals.execution import looking
from approvals.execution.finishing import MAX_ATTEMPTS
from approvals.models import Action, Execution
from approvals.services import cancel
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus
from gateway.connectors.fake import FakeConnector
from gateway.http.errors import OutsideError
from gateway.lib.errors import StaleState
from tests.invariants.scene import fakes, run_out, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def work(action: Action, *, times: int = 1) -> Action:
    """Let a worker come so often, each time after the wait and the lease are over."""
    for _ in range(times):
        mine = Action.objects.filter(pk=action.pk)
        run_out(mine.filter(due_at__isnull=False), "due_at")
        run_out(mine.filter(lease_until__isnull=False), "lease_until")
        executor.execute(str(action.pk))
    action.refresh_from_db()
    return action


def killed(action: Action, *, is_sent: bool = True, calls: bool = False) -> None:
    """Leave it as a worker does that was killed in `sent`, a minute ago."""
    execution = executor.claim(str(action.pk))
    assert execution is not None
    if calls:
        executor.call(execution)
    Execution.objects.filter(pk=execution.pk).update(
        status=ExecutionStatus.SENT, sent_at=timezone.now() - timedelta(minutes=1)
    )


def answering(service: FakeConnector, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> None:
    """The service's answers to look-ups, one after the other; the last one for ever."""
    left = list(answers)

    def lookup(request: ConnectorRequest) -> Outcome | None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(service, "lookup", lookup)


AWAY = OutsideError("connect_failed", False, False, detail="The service is away.")
BUSY = Outcome(OutcomeStatus.UNKNOWN, error="Still working on it.")


@pytest.mark.parametrize("retry_class", ["unsafe", "idempotent"])
def test_a_lost_answer_that_the_service_remembers_is_settled_without_a_second_call(
    service: FakeConnector, retry_class: str
) -> None:
    action = scene(operation="mumble", retry_class=retry_class).approved()
    work(action, times=2)
    assert (action.status, action.result) == (ActionStatus.SUCCEEDED, {"note": "hello"})
    assert len(service.calls) == 1
    lost, looked = action.executions.order_by("attempt")
    assert (lost.status, looked.status) == (ExecutionStatus.UNKNOWN, ExecutionStatus.RELEASED)
    assert looked.looked_up["state"] == "found"


def test_a_worker_killed_after_the_call_leaves_nothing_unknown_where_the_service_can_be_asked(
    service: FakeConnector,
) -> None:
    action = scene(retry_class="unsafe").approved()
    killed(action, calls=True)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1


def test_an_idempotent_call_that_the_service_never_saw_is_repeated_with_its_key(
    service: FakeConnector,
) -> None:
    action = scene(retry_class="idempotent").approved()
    killed(action)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert [call.idempotency_key for call in service.calls] == [action.public_id]
    assert action.executions.get(attempt=2).looked_up["state"] == "absent"


@pytest.mark.parametrize("can_look_up", [True, False])
def test_an_idempotent_call_is_not_repeated_once_its_time_is_over(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch, can_look_up: bool
) -> None:
    # A service may have forgotten the key by then.
    monkeypatch.setattr(looking, "can_look_up", lambda _: can_look_up)
    action = scene(retry_class="idempotent").approved()
    killed(action)
    run_out(Action.objects.filter(pk=action.pk), "execute_by")
    work(action, times=2)
    code = "lookup_absent" if can_look_up else "worker_lost"
    assert (action.status, action.code) == (ActionStatus.UNKNOWN, code)
    assert service.calls == []


def test_an_unsafe_call_that_the_service_never_saw_is_unknown_and_not_repeated(
    service: FakeConnector,
) -> None:
    action = scene(retry_class="unsafe").approved()
    killed(action)
    work(action, times=3)
    assert (action.status, action.code) == (ActionStatus.UNKNOWN, "lookup_absent")
    assert service.calls == []


def test_a_service_that_was_asked_too_early_is_asked_again(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(operation="mumble", retry_class="unsafe").approved()
    found = Outcome(OutcomeStatus.SUCCEEDED, result={"note": "late"})
    answering(service, monkeypatch, None, BUSY, AWAY, found)
    assert work(action, times=4).status == ActionStatus.EXECUTING
    assert work(action).result == {"note": "late"}
    assert len(service.calls) == 1


@pytest.mark.parametrize("answer", [AWAY, BUSY, KeyError("a bug")], ids=["away", "busy", "bug"])
@pytest.mark.parametrize("retry_class", ["unsafe", "idempotent"])
def test_a_service_that_cannot_be_asked_leaves_it_unknown_within_a_bound(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch, answer: Any, retry_class: str
) -> None:
    action = scene(operation="mumble", retry_class=retry_class).approved()
    answering(service, monkeypatch, answer)
    work(action, times=MAX_ATTEMPTS + 2)
    assert (action.status, action.code) == (ActionStatus.UNKNOWN, "lookup_unreadable")
    assert action.attempts == MAX_ATTEMPTS
    assert len(service.calls) == 1


def test_a_service_that_remembers_a_refusal_fails_it(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(operation="mumble").approved()
    answering(service, monkeypatch, Outcome(OutcomeStatus.FAILED, error="Card declined."))
    work(action, times=2)
    assert (action.status, action.reason) == (ActionStatus.FAILED, "Card declined.")


def test_a_refusal_says_nothing_about_an_earlier_attempt_whose_answer_was_lost(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(operation="lose", retry_class="idempotent").approved()
    work(action)
    refused = Outcome(OutcomeStatus.FAILED, error="Token revoked.", reason="http_401")
    monkeypatch.setattr(service, "execute", lambda request: refused)
    assert work(action).status == ActionStatus.UNKNOWN


def test_a_passing_refusal_after_a_lost_answer_leaves_nothing_to_cancel(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(operation="lose", retry_class="idempotent")
    action = here.approved()
    work(action)
    later = Outcome(OutcomeStatus.FAILED, error="Too many.", reason="http_429", retryable=True)
    monkeypatch.setattr(service, "execute", lambda request: later)
    assert work(action).status == ActionStatus.EXECUTING
    with pytest.raises(StaleState):
        cancel(action=action, by=here.people.principal(here.people.operator))


def test_a_credential_that_went_missing_after_a_lost_answer_does_not_make_it_failed(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(operation="lose", retry_class="idempotent").approved()
    work(action)

    def gone(*_: Any, **__: Any) -> None:
        raise StaleState("The credential is gone.")

    monkeypatch.setattr(executor, "connector_request", gone)
    assert (work(action).status, action.code) == (ActionStatus.UNKNOWN, "lookup_not_sent")


def test_what_was_sent_and_what_was_learned_is_kept_without_secrets(
    service: FakeConnector,
) -> None:
    action = scene(operation="mumble", sensitive=["note"]).approved()
    work(action, times=2)
    lost, looked = action.executions.order_by("attempt")
    assert lost.request["operation"] == "mumble"
    assert "hello" not in str([lost.request, looked.looked_up, action.result])
    assert looked.looked_up["result"]["note"].startswith("[masked ")
    assert (lost.action_version, looked.request) == (action.version, None)


def test_a_look_that_had_no_turn_is_none_of_the_attempts(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = scene(operation="mumble", retry_class="unsafe").approved()
    work(action)
    busy = OutsideError("rate_limited", False, False, retry_after=900, detail="Later.")
    answering(service, monkeypatch, *[busy] * (MAX_ATTEMPTS + 2), Outcome(OutcomeStatus.SUCCEEDED))
    work(action, times=MAX_ATTEMPTS + 2)
    assert action.status == ActionStatus.EXECUTING
    assert action.due_at is not None
    assert action.due_at - timezone.now() > timedelta(minutes=14)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1


def test_a_lost_answer_is_asked_for_once_there_is_a_token_again(service: FakeConnector) -> None:
    action = scene(operation="mumble", retry_class="unsafe").approved()
    work(action)
    for _ in range(MAX_ATTEMPTS + 1):
        run_out(Action.objects.filter(pk=action.pk), "due_at")
        execution = executor.claim(str(action.pk))
        assert execution is not None
        executor.finish(execution, looking.NotSent("no_token", "The token endpoint is away."))
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1
