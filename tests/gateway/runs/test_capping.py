"""Caps of a run: a reached one ends it, says so everywhere in one way; nothing of it goes on."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.connectors.fake import FakeConnector
from gateway.providers.base import RunStatus as Reported
from gateway.providers.base import RunUpdate, ToolCall, Usage
from gateway.providers.fake import FakeProvider
from gateway.runs import services
from gateway.runs.models import Run
from gateway.runs.states import RunStatus
from tests.callers import key_for
from tests.factories.approvals import KillSwitchFactory
from tests.factories.runs import RunFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]
Fakes = tuple[FakeConnector, FakeProvider]
HOUR = timedelta(hours=1)


MOST, ASKED, AT_ONCE = 5, 12, 4


@pytest.fixture
def faked() -> Iterator[Fakes]:
    with fakes() as found:
        yield found


@pytest.fixture
def here(faked: Fakes) -> Scene:
    return scene()


def running(
    here: Scene, settle: Settle, *, caps: dict[str, int] | None = None, **constraints: Any
) -> Run:
    """A run that the provider has begun, of an agent with these caps."""
    type(here.agent).objects.filter(pk=here.agent.pk).update(caps=caps or {})
    here.agent.refresh_from_db()
    run = services.start(
        here.environment, agent=here.agent, provider=None, task="Answer the ticket.",
        by=here.people.principal(here.people.operator), constraints=constraints,
    )  # fmt: skip
    settle()
    run.refresh_from_db()
    return run


def tells(run: Run, *tools: str, event: str = "evt_1", **more: Any) -> None:
    """The provider says by webhook that the run needs these tools."""
    calls = tuple(ToolCall(f"{event}-{n}", n, tool, {"note": "a"}) for n, tool in enumerate(tools))
    status = Reported.TOOL_REQUIRED if calls else Reported.RUNNING
    update = RunUpdate(run.provider_run_id or "", status, calls, event=str(status), **more)
    services.apply_update(run.provider, update, event_public_id=event, event_sha256=f"{event:0<64}")


@pytest.mark.parametrize(
    ("caps", "constraints"),
    [({"max_tool_calls": 2}, {}), ({}, {"max_tool_calls": 2}),
     ({"max_tool_calls": 2}, {"max_tool_calls": 9}),
     ({"max_tool_calls": 9}, {"max_tool_calls": 2})],
)  # fmt: skip
def test_the_call_that_is_one_too_many_is_denied_and_ends_the_run(
    here: Scene, faked: Fakes, settle: Settle, caps: dict[str, int], constraints: dict[str, int]
) -> None:
    run = running(here, settle, caps=caps, **constraints)
    tells(run, "look", "note", "look", "look")
    run.refresh_from_db()
    statuses = Action.objects.order_by("id").values_list("status", "code")
    assert [code for _, code in statuses][2:] == ["budget_exceeded", "run_ended"]
    assert [status for status, _ in statuses][1:] == ["canceled", "denied", "denied"]
    assert (run.status, run.calls) == (RunStatus.FAILED, 2)
    settle()
    connector, provider = faked
    # The first call was allowed and then withdrawn with the run, before a worker came to it.
    assert connector.calls == []
    assert provider.canceled == [run.provider_run_id]
    assert provider.started[run.public_id].constraints["max_tool_calls"] == 2


def test_a_reached_cap_says_what_happened_and_what_to_do_next(here: Scene, settle: Settle) -> None:
    run = running(here, settle, max_tool_calls=0)
    tells(run, "look")
    run.refresh_from_db()
    assert run.error == {
        "code": "budget_exceeded",
        "cap": "max_tool_calls",
        "message": "The run asked for 1 tool calls; it may make 0.",
        "debug_id": run.correlation_id,
        "next": f"Raise max_tool_calls of the run or of agent {here.agent.slug}, "
        "then retry the run.",
    }
    assert run.events.get(kind="run.cap_reached").data == run.error
    moved = AuditRecord.objects.filter(action="runs.run.moved", reason="budget_exceeded")
    assert moved.get().target_id == run.public_id


def test_the_same_call_delivered_again_uses_no_more_of_the_cap(here: Scene, settle: Settle) -> None:
    run = running(here, settle, max_tool_calls=1)
    call = ToolCall("c1", 0, "look", {"note": "a"})
    for event in ("evt_1", "evt_2", "evt_3"):
        update = RunUpdate(run.provider_run_id or "", Reported.TOOL_REQUIRED, (call,), event=event)
        services.apply_update(run.provider, update, event_public_id=event, event_sha256="0" * 64)
    run.refresh_from_db()
    assert (run.is_final, run.calls) == (False, 1)


def test_calls_by_api_within_the_run_count_as_well(here: Scene, settle: Settle) -> None:
    run = running(here, settle, max_tool_calls=1)
    machine = key_for(here.agent)
    wish = {"tool": "look", "arguments": {"note": "a"}, "run": run.public_id}
    assert machine.post("actions", wish).json()["status"] == "approved"
    second = machine.post("actions", wish)
    assert (second.status_code, second.json()["code"]) == (201, "budget_exceeded")
    assert second.json()["status"] == "denied"
    assert machine.post("actions", wish).json()["code"] == "run_ended"


@pytest.mark.parametrize(("steps", "ends"), [(3, False), (4, True)])
def test_more_steps_than_it_may_take_end_the_run_before_its_calls_are_taken(
    here: Scene, settle: Settle, steps: int, ends: bool
) -> None:
    run = running(here, settle, caps={"max_steps": 3})
    tells(run, "note", usage=Usage(steps=steps))
    run.refresh_from_db()
    assert (run.status == RunStatus.FAILED) is ends
    assert Action.objects.exists() is not ends
    assert (run.error or {}).get("cap", "") == ("max_steps" if ends else "")


def test_a_run_that_ends_by_itself_over_its_steps_stays_as_it_ended(
    here: Scene, settle: Settle
) -> None:
    run = running(here, settle, caps={"max_steps": 3})
    done = RunUpdate(
        run.provider_run_id or "", Reported.COMPLETED, output="Done.", usage=Usage(steps=9)
    )
    services.apply_update(run.provider, done, event_public_id="evt_1")
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def time_is_over(run: Run) -> None:
    """Move the run's deadline into the past, as if its time had gone by."""
    Run.objects.filter(pk=run.pk, time_out_at__isnull=False).update(time_out_at=run.created_at)


def test_a_run_whose_time_is_over_is_ended_by_the_sweep(
    here: Scene, faked: Fakes, settle: Settle
) -> None:
    run = running(here, settle, caps={"timeout_s": 600}, timeout_s=60)
    assert run.time_out_at - run.started_at < timedelta(seconds=61)
    services.sweep()
    assert not Run.objects.get(pk=run.pk).is_final
    time_is_over(run)
    services.sweep()
    settle()
    run.refresh_from_db()
    assert (run.status, run.error["cap"], run.time_out_at) == (
        RunStatus.FAILED, "timeout_s", None,
    )  # fmt: skip
    assert faked[1].canceled == [run.provider_run_id]


def test_the_time_that_people_take_is_not_the_runs(here: Scene, settle: Settle) -> None:
    run = running(here, settle, timeout_s=60)
    tells(run, "note")
    settle()
    run.refresh_from_db()
    assert (run.status, run.time_out_at) == (RunStatus.WAITING_APPROVAL, None)
    left = run.time_left
    assert timedelta() < left <= timedelta(seconds=60)
    # An hour of a person's thinking.
    Run.objects.filter(pk=run.pk).update(started_at=run.started_at - HOUR)
    services.sweep()

    action = Action.objects.get()
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING
    assert run.time_left is None
    assert left - timedelta(seconds=5) < run.time_out_at - timezone.now() <= left


def test_a_run_that_asked_a_person_a_moment_ago_is_not_timed_out(
    here: Scene, settle: Settle
) -> None:
    run = running(here, settle, timeout_s=60)
    tells(run, "note")
    time_is_over(run)
    services.sweep()
    run.refresh_from_db()
    assert not run.is_final
    assert run.time_out_at > timezone.now()


def test_a_kill_switch_uses_up_no_time_of_a_run(here: Scene, settle: Settle) -> None:
    run = running(here, settle, timeout_s=60)
    switch = KillSwitchFactory(environment=here.environment)
    time_is_over(run)
    services.sweep()
    assert not Run.objects.get(pk=run.pk).is_final
    switch.turned_off_at = timezone.now()
    switch.save()
    time_is_over(run)
    services.sweep()
    assert Run.objects.get(pk=run.pk).is_final


def test_a_run_that_its_provider_opened_has_its_agents_time(here: Scene, settle: Settle) -> None:
    type(here.agent).objects.filter(pk=here.agent.pk).update(caps={"timeout_s": 60})
    update = RunUpdate("their-own", Reported.RUNNING, event="run.started")
    run = services.apply_update(here.provider, update, event_public_id="evt_1")
    assert run.time_out_at - run.started_at == timedelta(seconds=60)


def test_what_people_approved_for_an_ended_run_is_withdrawn(
    here: Scene, faked: Fakes, settle: Settle
) -> None:
    run = running(here, settle, max_tool_calls=1)
    tells(run, "note")
    settle()
    action = Action.objects.get()
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    tells(run, "look", event="evt_2")
    settle()
    action.refresh_from_db()
    assert (action.status, faked[0].calls) == (ActionStatus.CANCELED, [])


@pytest.mark.django_db(transaction=True)
def test_calls_at_the_same_time_never_go_beyond_the_cap(here: Scene, faked: Fakes) -> None:
    run = RunFactory(
        environment=here.environment, agent=here.agent, provider=here.provider,
        constraints={"max_tool_calls": MOST},
    )  # fmt: skip

    def ask(number: int) -> str:
        try:
            call = {"arguments": {"note": f"n{number}"}, "call_id": f"c{number}"}
            return here.ask(run=services.context_of(run), **call).code
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        codes = list(pool.map(ask, range(ASKED)))
    assert codes.count("budget_exceeded") == 1
    assert codes.count("run_ended") == ASKED - MOST - 1
    assert Run.objects.get(pk=run.pk).calls == MOST
