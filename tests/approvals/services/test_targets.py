"""Executions that touch one entity run one at a time; a lost worker's hold ends with its lease."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals import executor
from approvals.models import Action, Execution, TargetLock
from approvals.services import targets
from approvals.states import ActionStatus
from gateway.connectors.base import ConnectorRequest, Outcome
from gateway.connectors.fake import FakeConnector
from tests.approvals.execution.test_looking_up import work
from tests.factories.tools import TEXT, strict
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db
ONE = {"affected": '["note:" + args.note]'}
TWO = {
    "affected": '["order:" + args.a, "order:" + args.b]',
    "input_schema": strict(a=TEXT, b=TEXT),
    "effect": "Merge {{ a }} into {{ b }}",
}


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


def is_free(action: Action) -> bool:
    return not TargetLock.objects.filter(action=action).exists()


def test_a_second_execution_on_the_same_entity_waits_until_the_first_is_done(
    service: FakeConnector,
) -> None:
    here = scene(**ONE)
    first, second = here.approved(call_id="1"), here.approved(call_id="2")
    held = executor.claim(str(first.pk))
    assert held is not None
    assert work(second).status == ActionStatus.APPROVED
    assert targets.holder_of(second) == first
    assert service.calls == []
    executor.finish(held, executor.call(held))
    assert is_free(first)
    assert work(second).status == ActionStatus.SUCCEEDED


def test_other_entities_and_tools_that_name_nobody_do_not_wait(service: FakeConnector) -> None:
    here = scene(**ONE)
    one, other = here.approved(arguments={"note": "a"}), here.approved(arguments={"note": "b"})
    assert executor.claim(str(one.pk)) is not None
    assert work(other).status == ActionStatus.SUCCEEDED
    free = scene()
    one, other = free.approved(call_id="1"), free.approved(call_id="2")
    assert executor.claim(str(one.pk)) is not None
    assert work(other).status == ActionStatus.SUCCEEDED


def test_one_of_several_entities_is_enough_to_wait_and_nothing_is_held_meanwhile(
    service: FakeConnector,
) -> None:
    here = scene(**TWO)
    first = here.approved(arguments={"a": "1", "b": "2"})
    second = here.approved(arguments={"a": "3", "b": "2"})
    third = here.approved(arguments={"a": "3", "b": "4"})
    held = executor.claim(str(first.pk))
    assert work(second).status == ActionStatus.APPROVED
    assert is_free(second)
    assert work(third).status == ActionStatus.SUCCEEDED
    assert held is not None
    executor.finish(held, executor.call(held))
    assert work(second).status == ActionStatus.SUCCEEDED


def test_a_lost_worker_holds_an_entity_no_longer_than_its_lease(service: FakeConnector) -> None:
    here = scene(**ONE)
    first, second = here.approved(call_id="1"), here.approved(call_id="2")
    assert executor.claim(str(first.pk)) is not None
    run_out(TargetLock.objects.all(), "lease_until")
    assert work(second).status == ActionStatus.SUCCEEDED
    assert work(first).status == ActionStatus.SUCCEEDED


def test_an_entity_stays_held_while_an_answer_is_being_looked_for_and_not_once_it_is_unknown(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(operation="mumble", retry_class="unsafe", **ONE)
    action = here.approved()
    monkeypatch.setattr(service, "lookup", lambda request: 1 / 0)
    assert work(action).status == ActionStatus.EXECUTING
    assert not is_free(action)
    assert work(action, times=10).status == ActionStatus.UNKNOWN
    assert is_free(action)


@pytest.mark.parametrize(
    ("tool", "moment"), [({"retry_class": "unsafe"}, "sent"), ({"operation": "fail"}, "done")]
)
def test_whatever_an_execution_comes_to_it_lets_go(
    service: FakeConnector, tool: dict[str, Any], moment: str
) -> None:
    action = scene(**ONE, **tool).approved()
    if moment == "sent":
        execution = executor.claim(str(action.pk))
        assert execution is not None
        type(execution).objects.update(status="sent")
    work(action)
    assert action.status in (ActionStatus.UNKNOWN, ActionStatus.FAILED)
    assert is_free(action)


def test_reads_neither_hold_nor_wait(service: FakeConnector) -> None:
    here = scene(side_effect="read", **ONE)
    one, other = here.ask(call_id="1"), here.ask(call_id="2")
    assert executor.claim(str(one.pk)) is not None
    assert work(other).status == ActionStatus.SUCCEEDED


def others(action: Action) -> set[str]:
    return {other.public_id for other in targets.others_on(action)}


def test_a_card_knows_the_other_open_actions_on_its_entities(service: FakeConnector) -> None:
    here: Scene = scene(**TWO)
    one = here.ask(arguments={"a": "1", "b": "2"})
    other = here.ask(arguments={"a": "2", "b": "3"})
    done = work(here.approved(arguments={"a": "1", "b": "9"}))
    far = here.ask(arguments={"a": "8", "b": "9"})
    assert others(one) == {other.public_id}
    assert others(other) == {one.public_id}
    assert others(done) == {one.public_id, far.public_id}
    elsewhere = scene(**TWO).ask(arguments={"a": "1", "b": "2"})
    assert others(elsewhere) == set()


def over() -> None:
    """Let the leases of actions and targets end."""
    for rows in (Action.objects.all(), TargetLock.objects.all()):
        run_out(rows.filter(lease_until__isnull=False), "lease_until")


def slow_pair(monkeypatch: pytest.MonkeyPatch) -> tuple[Action, Action, Execution]:
    """Two actions on one entity, and the first one's attempt, which gets ready for too long."""
    monkeypatch.setattr(executor, "READY_WITHIN_S", -1.0)
    here = scene(**ONE)
    first, second = here.approved(call_id="1"), here.approved(call_id="2")
    held = executor.claim(str(first.pk))
    assert held is not None
    over()
    return first, second, held


def test_an_attempt_that_got_ready_slowly_sends_under_a_lease_of_its_own(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, held = slow_pair(monkeypatch)
    seen = during(service, monkeypatch, lambda: work(second).status)
    executor.finish(held, executor.call(held))
    assert seen == [ActionStatus.APPROVED]
    first.refresh_from_db()
    assert (first.status, len(service.calls)) == (ActionStatus.SUCCEEDED, 1)


def test_an_attempt_whose_target_was_taken_meanwhile_sends_nothing_and_comes_again(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, held = slow_pair(monkeypatch)
    other = executor.claim(str(second.pk))
    assert other is not None
    executor.finish(held, executor.call(held))
    first.refresh_from_db()
    assert (first.status, first.code, service.calls) == (ActionStatus.APPROVED, "target_taken", [])
    executor.finish(other, executor.call(other))
    assert work(first).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 2


def test_an_attempt_that_another_worker_took_over_sends_nothing(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "READY_WITHIN_S", -1.0)
    action = scene(**ONE).approved()
    held = executor.claim(str(action.pk))
    assert held is not None
    over()
    newer = executor.claim(str(action.pk))
    assert newer is not None
    executor.finish(held, executor.call(held))
    assert service.calls == []
    executor.finish(newer, executor.call(newer))
    assert len(service.calls) == 1


def during(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch, look: Callable[[], Any]
) -> list[Any]:
    """What a look finds while the service works on a call, once the call was made."""
    found: list[Any] = []
    plain = service.execute

    def execute(request: ConnectorRequest) -> Outcome:
        monkeypatch.setattr(service, "execute", plain)
        found.append(look())
        return plain(request)

    monkeypatch.setattr(service, "execute", execute)
    return found
