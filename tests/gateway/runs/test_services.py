"""A run from its start to its end, with a provider that is sometimes away."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from approvals import executor
from approvals.models import Action
from approvals.services import approve, edit, propose, reject
from approvals.states import ActionStatus, ExecutionStatus
from gateway.agents.models import Provider
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.errors import OutsideError
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.lib.states import move
from gateway.lib.strictjson import parse_marked
from gateway.providers import registry
from gateway.providers.base import RunStatus as Reported
from gateway.providers.base import RunUpdate, ToolCall
from gateway.providers.fake import FakeProvider
from gateway.runs import services
from gateway.runs.models import Report, Run
from gateway.runs.states import ReportStatus, RunStatus
from gateway.tools.services import save
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import TEXT, ToolDefinitionFactory, strict
from tests.people import People, ready

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    provider = registry.provider("fake")
    assert isinstance(provider, FakeProvider)
    for kept in (provider.started, provider.answers, provider.canceled):
        kept.clear()
    provider.fail_with = None
    yield provider
    provider.fail_with = None


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def provider(people: People) -> Provider:
    save(people.environment, **ToolDefinitionFactory(name="note"))
    save(people.environment, **ToolDefinitionFactory(name="look", side_effect="read"))
    provider = ProviderFactory(environment=people.environment, adapter="fake")
    owner = people.member(people.owner)
    AgentFactory(environment=people.environment, provider=provider, owner=owner)
    return provider


def begin(people: People, provider: Provider, **more: Any) -> Run:
    return services.start(
        people.environment,
        agent=None,
        provider=provider,
        task="Answer the ticket.",
        by=people.principal(people.operator),
        **more,
    )


def wants(run: Run, *calls: ToolCall, event: str = "evt_1") -> Run:
    """The provider says by webhook that the run needs these calls."""
    update = RunUpdate(
        run.provider_run_id or "", Reported.TOOL_REQUIRED, calls, event="run.tool_required"
    )
    return services.apply_update(
        run.provider, update, event_public_id=event, event_sha256=f"{event:0<64}"
    )


def test_run_is_started_at_its_provider_once(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    services.begin(str(run.pk))
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING
    assert run.provider_run_id == f"fake-{run.public_id}"
    assert len(fake.started) == 1


def test_provider_that_is_down_leaves_the_run_queued_and_due(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    fake.fail_with = OutsideError("unavailable", permanent=False, may_have_happened=False)
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED
    assert run.due_at is not None
    fake.fail_with = None
    settle(delayed=True)
    Run.objects.filter(pk=run.pk).update(due_at=run.created_at)
    services.sweep()
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING


def test_provider_that_refuses_fails_the_run_with_a_next_step(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    fake.fail_with = OutsideError("unauthorized", permanent=True, may_have_happened=False)
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED
    assert run.error["debug_id"] == run.correlation_id
    assert "retry" in run.error["next"]


def test_webhook_to_result(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "look", {"note": "a"}), ToolCall("c2", 1, "note", {"note": "b"}))
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.WAITING_APPROVAL
    assert [answer.call_id for _, answer in fake.answers] == ["c1"]
    waiting = Action.objects.get(call_id="c2")
    approve(action=waiting, by=people.principal(people.may), digest=waiting.digest)
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING
    assert [answer.call_id for _, answer in fake.answers] == ["c1", "c2"]
    assert fake.answers[1][1].result == {"note": "b"}
    done = RunUpdate(run.provider_run_id or "", Reported.COMPLETED, output="Done.", event="end")
    services.apply_update(provider, done, event_public_id="evt_2")
    settle()
    run.refresh_from_db()
    assert (run.status, run.output) == (RunStatus.COMPLETED, "Done.")


def test_repeated_event_changes_nothing(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    for _ in range(3):
        wants(run, ToolCall(None, 0, "note", {"note": "b"}))
    settle()
    assert Action.objects.count() == 1
    assert run.events.filter(kind="run.tool_required").count() == 1


def test_the_agent_hears_which_arguments_ran_where_a_reviewer_changed_them(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    tool = ToolDefinitionFactory(
        name="pay", input_schema=strict(note=TEXT, iban=TEXT), sensitive=["/iban"]
    )
    save(people.environment, **tool)
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "pay", {"note": "rent", "iban": "DE02120300000000202051"}))
    settle()
    action = Action.objects.get()
    by = people.principal(people.may)
    other = {"note": "half the rent", "iban": "DE02120300000000202051"}
    edited = edit(action=action, by=by, digest=action.digest, arguments=other)
    # The provider tells of the same call once more.
    wants(run, ToolCall("c1", 0, "pay", {"note": "rent", "iban": "DE02120300000000202051"}))
    approve(action=edited, by=by, digest=edited.digest)
    settle()
    ((_, answer),) = fake.answers
    assert answer.result["note"] == "half the rent"
    assert answer.effective_arguments["note"] == "half the rent"
    assert answer.effective_arguments["iban"].startswith("[masked ")


def test_rejection_goes_back_to_the_agent_with_its_reason(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "note", {"note": "b"}))
    settle()
    action = Action.objects.get()
    reject(
        action=action, by=people.principal(people.may), digest=action.digest, reason="Not today."
    )
    settle()
    answer = fake.answers[0][1]
    assert answer.error is not None
    assert (answer.error.code, answer.error.message) == ("rejected", "Not today.")


def test_call_with_two_meanings_is_reported_as_invalid(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    marked = parse_marked(b'{"a": {"x": 1, "x": 2}}')["a"]  # type: ignore[index,call-overload]
    wants(run, ToolCall("c1", 0, "note", marked))
    settle()
    assert Action.objects.get().status == ActionStatus.INVALID
    assert fake.answers[0][1].error is not None
    assert fake.answers[0][1].error.code == "invalid"


def test_report_waits_while_the_provider_is_away_and_is_sent_with_the_same_key(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    fake.fail_with = OutsideError("timeout", permanent=False, may_have_happened=True)
    wants(run, ToolCall("c1", 0, "look", {"note": "a"}))
    settle()
    report = Report.objects.get()
    assert (report.status, fake.answers) == (ReportStatus.DUE, [])
    fake.fail_with = None
    Report.objects.update(due_at=run.created_at)
    services.sweep()
    settle()
    report.refresh_from_db()
    assert report.status == ReportStatus.DELIVERED
    assert len(fake.answers) == 1


def test_report_that_an_adapter_crashes_on_is_tried_later_and_given_up_in_time(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle, monkeypatch: Any
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()

    def crash(*_: Any) -> None:
        raise KeyError("run_id")

    monkeypatch.setattr(fake, "submit_result", crash)
    wants(run, ToolCall("c1", 0, "look", {"note": "a"}))
    settle()
    report = Report.objects.get()
    assert (report.status, report.error) == (ReportStatus.DUE, "It could not be sent: KeyError.")
    Report.objects.update(due_at=run.created_at, give_up_at=run.created_at)
    services.sweep()
    settle()
    report.refresh_from_db()
    assert report.status == ReportStatus.DEAD


def test_report_that_the_provider_refuses_is_given_up_and_visible(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    fake.fail_with = OutsideError("not_found", permanent=True, may_have_happened=True)
    wants(run, ToolCall("c1", 0, "look", {"note": "a"}))
    settle()
    assert Report.objects.get().status == ReportStatus.DEAD
    assert run.events.filter(kind="report.dead").exists()


def test_cancel_ends_the_run_its_actions_and_the_provider_hears_it(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "note", {"note": "b"}))
    settle()
    with pytest.raises(Denied):
        services.cancel(run=run, by=people.principal(people.may_not))
    services.cancel(run=run, by=people.principal(people.operator))
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELED
    assert Action.objects.get().status == ActionStatus.CANCELED
    assert fake.canceled == [run.provider_run_id]
    with pytest.raises(StaleState):
        services.cancel(run=run, by=people.principal(people.operator))


def test_late_event_never_leaves_a_final_state(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    services.cancel(run=run, by=people.principal(people.operator))
    wants(run, ToolCall("c1", 0, "note", {"note": "b"}))
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELED
    assert not Action.objects.exists()
    assert run.events.filter(kind="late.run.tool_required").exists()


def test_retry_makes_a_new_run_linked_to_the_old_one(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    by = people.principal(people.operator)
    with pytest.raises(StaleState):
        services.retry(run=run, by=by)
    services.cancel(run=run, by=by)
    again = services.retry(run=run, by=by)
    assert (again.retry_of_id, again.task) == (run.pk, run.task)


def test_constraint_asks_for_a_person_where_policy_would_not(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider, constraints={"require_approval_for": ["look"]})
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "look", {"note": "a"}))
    assert Action.objects.get().status == ActionStatus.PENDING


def test_unknown_constraint_is_refused(people: People, provider: Provider) -> None:
    with pytest.raises(Refused, match="max_fun"):
        begin(people, provider, constraints={"max_fun": 1})


def test_call_made_by_api_within_a_run_is_not_reported_to_the_provider(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    propose(
        environment=run.environment,
        agent=run.agent,
        tool_name="look",
        arguments={"note": "a"},
        requester=people.principal(people.operator),
        run=services.context_of(run),
    )
    settle()
    assert Action.objects.get().status == ActionStatus.SUCCEEDED
    assert not Report.objects.exists()


def test_what_was_under_way_when_its_run_was_canceled_is_not_tried_again(
    people: People, provider: Provider, fake: FakeProvider, settle: Settle
) -> None:
    run = begin(people, provider)
    settle()
    run.refresh_from_db()
    wants(run, ToolCall("c1", 0, "look", {"note": "b"}))
    action = Action.objects.get()
    execution = executor.claim(str(action.pk))
    assert execution is not None
    move(execution, ExecutionStatus.SENT)
    services.cancel(run=run, by=people.principal(people.operator))
    away = Outcome(OutcomeStatus.FAILED, error="Away.", reason="unavailable", retryable=True)
    executor.finish(execution, away)
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED

    services.action_changed(action)
    action.refresh_from_db()
    assert (action.status, action.attempts) == (ActionStatus.CANCELED, 1)
