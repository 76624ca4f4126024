"""The kill switch: what it stops, what it leaves, and what goes on afterwards."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import executor
from approvals.execution import claiming
from approvals.models import Action, Execution, KillSwitch
from approvals.services import approve, set_kill_switch, sweep
from approvals.states import ActionStatus, ExecutionStatus
from audit.models import AuditRecord
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Conflict, Denied, Refused
from tests.factories.agents import AgentFactory
from tests.factories.approvals import KillSwitchFactory
from tests.factories.tools import ToolFactory
from tests.invariants.scene import Scene, fakes, lose_bells, run_out, scene
from tests.jobs import waiting

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]


@pytest.fixture
def fake() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    return scene()


def switch(here: Scene, scope: str = "environment", *, on: bool = True) -> KillSwitch:
    by = here.people.principal(here.people.operator)
    return set_kill_switch(here.environment, scope=scope, on=on, reason="Looks wrong.", by=by)


def try_all() -> None:
    """What every worker would do, whether or not a bell told it to."""
    for action in Action.objects.order_by("id"):
        executor.execute(str(action.pk))


def statuses() -> list[str]:
    return sorted(Action.objects.values_list("status", flat=True))


@pytest.mark.parametrize("scope", ["environment", "agent:{agent}", "tool:note"])
def test_each_scope_stops_what_it_names(here: Scene, fake: FakeConnector, scope: str) -> None:
    action = here.approved()
    switch(here, scope.format(agent=here.agent.slug))
    executor.execute(str(action.pk))
    assert fake.calls == []
    assert not Execution.objects.exists()


@pytest.mark.parametrize("scope", ["agent:other", "tool:other"])
def test_what_a_switch_does_not_name_goes_on(here: Scene, fake: FakeConnector, scope: str) -> None:
    AgentFactory(environment=here.environment, slug="other")
    ToolFactory(environment=here.environment, name="other")
    switch(here, scope)
    KillSwitchFactory(environment=here.people.elsewhere)
    executor.execute(str(here.approved().pk))
    assert len(fake.calls) == 1


def test_an_allowed_call_is_stored_approved_and_waits(
    here: Scene, fake: FakeConnector, settle: Settle
) -> None:
    switch(here)
    action = here.ask("look")
    settle()
    assert (action.status, fake.calls) == (ActionStatus.APPROVED, [])
    switch(here, on=False)
    settle()
    assert len(fake.calls) == 1


def test_people_may_decide_while_all_is_stopped(here: Scene, fake: FakeConnector) -> None:
    action = here.ask()
    switch(here)
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    try_all()
    assert statuses() == ["approved"]
    assert fake.calls == []


def test_a_switch_turned_on_between_the_look_and_the_claim_stops_it(
    here: Scene, fake: FakeConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = here.approved()
    recheck = claiming.rechecking.may_still_run

    def slowly(row: Action, *rest: Any) -> bool:
        KillSwitchFactory(environment=here.environment)
        return recheck(row, *rest)

    monkeypatch.setattr(claiming.rechecking, "may_still_run", slowly)
    assert executor.claim(str(action.pk)) is None
    action.refresh_from_db()
    assert (action.status, action.attempts) == (ActionStatus.APPROVED, 0)


def test_what_expired_under_the_switch_does_not_run_afterwards(
    here: Scene, fake: FakeConnector, settle: Settle
) -> None:
    here.approved()
    switch(here)
    run_out(Action.objects.all(), "execute_by")
    switch(here, on=False)
    settle()
    assert statuses() == ["expired"]
    assert fake.calls == []


def lost(here: Scene, status: str) -> Action:
    """An action whose worker is gone, its attempt in this state."""
    action = here.approved()
    assert executor.claim(str(action.pk)) is not None
    Execution.objects.update(status=status)
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(pk=action.pk).update(lease_until=past)
    return action


@pytest.mark.parametrize("status", [ExecutionStatus.CLAIMED, ExecutionStatus.SENT])
def test_a_repeatable_call_of_a_lost_worker_is_not_sent_again_while_stopped(
    here: Scene, fake: FakeConnector, settle: Settle, status: str
) -> None:
    action = lost(here, status)
    switch(here)
    for _ in range(2):
        executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, fake.calls) == (ActionStatus.EXECUTING, [])
    # The lost attempt is settled; nobody is rung for in vain.
    lose_bells()
    sweep()
    assert not [message for message in waiting() if message.actor_name == "execute_action"]

    switch(here, on=False)
    settle()
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    assert len(fake.calls) == 1


def test_an_answer_that_may_have_been_lost_is_not_asked_again_while_stopped(
    fake: FakeConnector, settle: Settle
) -> None:
    here = scene(operation="lose")
    action = here.approved()
    executor.execute(str(action.pk))
    assert len(fake.calls) == 1
    switch(here)
    run_out(Action.objects.all(), "due_at")
    executor.execute(str(action.pk))
    assert len(fake.calls) == 1


def test_a_lost_unsafe_call_is_told_as_unknown_even_while_stopped(fake: FakeConnector) -> None:
    nobody_can_tell = {"method": "POST", "url": "https://shop.example/notes"}
    here = scene(
        retry_class="unsafe", connector="http", operation="request", config=nobody_can_tell
    )
    action = lost(here, ExecutionStatus.SENT)
    switch(here)
    sweep()
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.UNKNOWN
    assert fake.calls == []


def test_the_sweep_does_not_ring_for_what_is_stopped(here: Scene, fake: FakeConnector) -> None:
    here.approved()
    switch(here, "tool:note")
    lose_bells()
    sweep()
    assert not [message for message in waiting() if message.actor_name == "execute_action"]


def test_turning_on_twice_is_one_switch_and_off_without_one_says_so(here: Scene) -> None:
    first, second = switch(here), switch(here)
    assert first.pk == second.pk
    switch(here, on=False)
    with pytest.raises(Conflict, match="Nothing to let go on"):
        switch(here, on=False)
    again = switch(here)
    assert again.pk != first.pk
    assert KillSwitch.objects.count() == 2


@pytest.mark.parametrize("name", ["may", "may_not", "auditor", "stranger"])
def test_who_does_not_operate_is_refused_and_recorded(here: Scene, name: str) -> None:
    by = here.people.principal(getattr(here.people, name))
    with pytest.raises(Denied):
        set_kill_switch(here.environment, scope="environment", on=True, reason="x", by=by)
    assert not KillSwitch.objects.exists()
    assert AuditRecord.objects.get(action="approvals.kill_switch.attempt_refused")


@pytest.mark.parametrize(
    ("scope", "reason", "code"),
    [("agent:nobody", "x", "unknown_agent"), ("tool:nothing", "x", "unknown_tool"),
     ("everything", "x", "unknown_scope"), ("environment", " ", "reason_missing"),
     ("environment", "x" * 2001, "reason_missing")],
)  # fmt: skip
def test_an_unknown_scope_or_no_reason_stops_nothing(
    here: Scene, scope: str, reason: str, code: str
) -> None:
    by = here.people.principal(here.people.admin)
    with pytest.raises(Refused) as refused:
        set_kill_switch(here.environment, scope=scope, on=True, reason=reason, by=by)
    assert refused.value.code == code
    assert not KillSwitch.objects.exists()


def test_every_use_is_in_the_log_without_its_words(here: Scene) -> None:
    switch(here, f"agent:{here.agent.public_id}")
    switch(here, f"agent:{here.agent.public_id}", on=False)
    records = AuditRecord.objects.filter(action__startswith="approvals.kill_switch.")
    assert [record.body_json["changes"]["on"] for record in records.order_by("id")] == [
        [False, True], [True, False],
    ]  # fmt: skip
    assert {record.body_json["meta"]["scope"] for record in records} == {f"agent:{here.agent.slug}"}
    assert not [record for record in records if "Looks wrong" in record.body]
