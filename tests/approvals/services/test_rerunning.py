"""What may have happened is sent once more only where two different people say so."""

from collections.abc import Iterator

import pytest

from approvals import executor
from approvals.models import Action, RunAgain
from approvals.services import (
    cancel,
    confirm_again,
    expire_due,
    look_again,
    order_again,
    reconcile,
    save_policy,
)
from approvals.services.withdrawing import cancel_run_actions
from approvals.states import ActionStatus, ExecutionStatus
from audit.models import AuditRecord
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.connectors.fake import FakeConnector
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tools.models import Tool
from tests.approvals.execution.test_looking_up import work
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def service() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here(service: FakeConnector) -> Scene:
    return scene(operation="lose", retry_class="unsafe")


@pytest.fixture
def action(here: Scene) -> Action:
    """An unsafe call whose answer was lost, at a service that cannot be asked by key."""
    made = work(here.approved())
    assert made.status == ActionStatus.UNKNOWN
    return made


def ordered(here: Scene, action: Action) -> RunAgain:
    by = here.people.principal(here.people.operator)
    return order_again(action=action, by=by, reason="No trace of it there.")


def reopened(here: Scene, action: Action) -> Action:
    order = ordered(here, action)
    by = here.people.principal(here.people.admin)
    return confirm_again(action=action, by=by, order=order.public_id)


def test_two_people_send_it_once_more_with_the_same_key(
    here: Scene, action: Action, service: FakeConnector
) -> None:
    digest = action.digest
    reopened(here, action)
    work(action, times=3)
    assert [call.idempotency_key for call in service.calls] == [action.public_id] * 2
    assert action.digest == digest
    assert action.status == ActionStatus.UNKNOWN
    assert action.reopened_at is None
    told = AuditRecord.objects.filter(target_id=action.public_id).values_list("action", flat=True)
    assert {"approvals.action.run_again_ordered", "approvals.action.run_again_confirmed"} <= set(
        told
    )


def test_nothing_happens_before_the_second_person(
    here: Scene, action: Action, service: FakeConnector
) -> None:
    order = ordered(here, action)
    with pytest.raises(Denied, match="Somebody else"):
        confirm_again(
            action=action, by=here.people.principal(here.people.operator), order=order.public_id
        )
    with pytest.raises(Conflict):
        ordered(here, action)
    assert work(action).status == ActionStatus.UNKNOWN
    assert len(service.calls) == 1


@pytest.mark.parametrize("who", ["may", "may_not", "auditor"])
def test_who_may_not_reconcile_neither_orders_nor_confirms(
    here: Scene, action: Action, who: str
) -> None:
    by = here.people.principal(getattr(here.people, who))
    with pytest.raises(Denied):
        order_again(action=action, by=by, reason="Please.")
    order = ordered(here, action)
    with pytest.raises(Denied):
        confirm_again(action=action, by=by, order=order.public_id)
    assert Action.objects.get(pk=action.pk).status == ActionStatus.UNKNOWN


def test_an_order_needs_a_reason_and_an_unknown_outcome(here: Scene, action: Action) -> None:
    with pytest.raises(Refused):
        order_again(action=action, by=here.people.principal(here.people.admin), reason=" ")
    order = ordered(here, action)
    by = here.people.principal(here.people.admin)
    reconcile(action=action, by=by, outcome="failed", evidence="Not there.")
    with pytest.raises(StaleState):
        confirm_again(action=action, by=by, order=order.public_id)


def test_what_may_have_happened_is_neither_canceled_nor_expired(
    here: Scene, action: Action
) -> None:
    run = ids.new_id()
    Action.objects.filter(pk=action.pk).update(run_id=run)
    reopened(here, action)
    with pytest.raises(StaleState):
        cancel(action=action, by=here.people.principal(here.people.operator))
    cancel_run_actions(run, here.people.principal(here.people.operator), reason="Over.")
    run_out(Action.objects.filter(pk=action.pk), "execute_by")
    expire_due()
    assert work(action).status == ActionStatus.UNKNOWN
    assert action.code == "expired"


def denied_by_policy(here: Scene) -> None:
    rule = {"name": "no", "when": "true", "verdict": "deny", "reason": "Frozen."}
    save_policy(here.environment, name="freeze", rules=[rule], comment="test")


def more_people_wanted(here: Scene) -> None:
    rule = {"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}
    save_policy(here.environment, name="stricter", rules=[rule], comment="test")


def tool_switched_off(here: Scene) -> None:
    Tool.objects.filter(name="note").update(is_enabled=False)


@pytest.mark.parametrize("change", [denied_by_policy, more_people_wanted, tool_switched_off])
def test_whatever_stops_it_at_the_claim_leaves_it_unknown(
    here: Scene, action: Action, service: FakeConnector, change: object
) -> None:
    reopened(here, action)
    assert callable(change)
    change(here)
    assert work(action).status == ActionStatus.UNKNOWN
    assert action.code
    assert len(service.calls) == 1


def test_a_service_that_remembers_by_now_gets_no_second_call(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(operation="mumble", retry_class="unsafe")
    away = OutsideError("connect_failed", False, False, detail="Away.")

    def lookup(request: object) -> None:
        raise away

    with monkeypatch.context() as patch:
        patch.setattr(service, "lookup", lookup)
        action = work(here.approved(), times=10)
    assert action.status == ActionStatus.UNKNOWN
    reopened(here, action)
    assert work(action).status == ActionStatus.SUCCEEDED
    assert len(service.calls) == 1


def test_looking_again_settles_it_as_the_service_remembers(
    service: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = scene(operation="mumble", retry_class="unsafe")
    by = here.people.principal(here.people.operator)
    answers: list[Outcome | None] = [None, Outcome(OutcomeStatus.SUCCEEDED, result={"id": 7})]
    monkeypatch.setattr(service, "lookup", lambda request: answers[0])
    action = here.approved()
    execution = executor.claim(str(action.pk))
    assert execution is not None
    executor.call(execution)
    Action.objects.filter(pk=action.pk).update(status=ActionStatus.UNKNOWN)
    type(execution).objects.filter(pk=execution.pk).update(status=ExecutionStatus.UNKNOWN)

    look_again(action=Action.objects.get(pk=action.pk), by=by)
    action.refresh_from_db()
    assert action.status == ActionStatus.UNKNOWN
    assert action.executions.get().looked_up["state"] == "absent"
    answers.pop(0)
    look_again(action=action, by=by)
    action.refresh_from_db()
    assert (action.status, action.result) == (ActionStatus.SUCCEEDED, {"id": 7})


def test_a_service_that_cannot_be_asked_is_not_looked_at_again(here: Scene, action: Action) -> None:
    with pytest.raises(Refused, match="look there yourself"):
        look_again(action=action, by=here.people.principal(here.people.operator))
