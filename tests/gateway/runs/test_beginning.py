"""Beginning a run: at its provider, at the fallback, later, or not at all."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Provider
from gateway.agents.services import update
from gateway.http.errors import OutsideError
from gateway.providers import registry
from gateway.providers.base import RunStatus as Reported
from gateway.providers.base import RunUpdate, ToolCall
from gateway.providers.fake import FakeProvider
from gateway.runs import services
from gateway.runs.models import Run
from gateway.runs.services.beginning import PERSISTS_AFTER
from gateway.runs.services.unanswered import CLOCKS_APART, HELD_FOR
from gateway.runs.states import RunStatus
from tests.factories.agents import ProviderFactory
from tests.factories.approvals import KillSwitchFactory
from tests.invariants.scene import Scene, fakes, run_out, scene

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]
REFUSED = OutsideError("http_401", permanent=True, may_have_happened=False, status=401)
TOO_MANY = OutsideError("http_429", permanent=False, may_have_happened=False, status=429)
AWAY = OutsideError("http_503", permanent=False, may_have_happened=True, status=503)
LOST = OutsideError("timed_out", permanent=False, may_have_happened=True)


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with fakes() as (_, provider):
        yield provider


@pytest.fixture
def here(fake: FakeProvider) -> Scene:
    return scene()


@pytest.fixture
def fallback(here: Scene) -> Provider:
    other = ProviderFactory(
        environment=here.environment, adapter="fake", base_url="http://127.0.0.2:9"
    )
    update(here.agent, fallback_provider=other)
    here.agent.refresh_from_db()
    return other


def queued(here: Scene, **more: Any) -> Run:
    wanted = {"agent": here.agent, "provider": None} | more
    by = here.people.principal(here.people.operator)
    return services.start(here.environment, task="Look.", by=by, **wanted)


def fail(here: Scene, fake: FakeProvider, error: OutsideError) -> None:
    """Starts at the agent's own provider fail from now on."""
    fake.fail_at[here.provider.base_url] = error


def begin(run: Run, *, times: int = 1) -> Run:
    for _ in range(times):
        run_out(Run.objects.filter(pk=run.pk, due_at__isnull=False), "due_at")
        services.begin(str(run.pk))
    run.refresh_from_db()
    return run


def on_start(
    fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, then: Callable[[RunUpdate], RunUpdate]
) -> None:
    """The provider starts the run, and before its answer is read this happens with it."""
    start = fake.start
    monkeypatch.setattr(fake, "start", lambda request, wanted: then(start(request, wanted)))


def dies(*_args: Any, **_more: Any) -> None:
    """The process ends here."""
    raise SystemExit


def test_a_start_that_is_refused_for_good_goes_to_the_fallback(
    here: Scene, fallback: Provider, fake: FakeProvider
) -> None:
    fail(here, fake, REFUSED)
    run = begin(queued(here))
    assert (run.status, run.provider, run.due_at is None) == (RunStatus.QUEUED, fallback, False)
    told = run.events.get(kind="run.fell_back").data
    assert told == {"from": here.provider.slug, "to": fallback.slug, "reason": "http_401"}
    record = AuditRecord.objects.get(action="runs.run.fell_back")
    assert record.body_json["changes"]["provider"] == [
        here.provider.public_id, fallback.public_id,
    ]  # fmt: skip
    assert begin(run).status == RunStatus.RUNNING
    assert list(fake.started) == [run.public_id]


@pytest.mark.parametrize("error", [TOO_MANY, AWAY], ids=lambda error: error.reason)
def test_a_provider_that_stays_away_is_left_for_the_fallback(
    here: Scene, fallback: Provider, fake: FakeProvider, error: OutsideError
) -> None:
    fail(here, fake, error)
    run = begin(queued(here), times=PERSISTS_AFTER - 1)
    assert run.provider == here.provider
    assert begin(run).provider == fallback


def test_a_run_that_may_have_begun_is_never_begun_elsewhere(
    here: Scene, fallback: Provider, fake: FakeProvider
) -> None:
    fail(here, fake, LOST)
    run = begin(queued(here))
    fail(here, fake, TOO_MANY)
    assert begin(run, times=PERSISTS_AFTER).provider == here.provider
    fail(here, fake, REFUSED)
    assert begin(run).status == RunStatus.FAILED


def test_a_fallback_that_fails_as_well_ends_the_run(
    here: Scene, fallback: Provider, fake: FakeProvider
) -> None:
    fake.fail_with = REFUSED
    try:
        run = begin(queued(here), times=2)
    finally:
        fake.fail_with = None
    assert (run.status, run.provider) == (RunStatus.FAILED, fallback)
    assert run.error["debug_id"] == run.correlation_id


def test_whoever_names_another_provider_gets_no_fallback(
    here: Scene, fallback: Provider, fake: FakeProvider
) -> None:
    named = ProviderFactory(
        environment=here.environment, adapter="fake", base_url="http://127.0.0.3:9"
    )
    fake.fail_at[named.base_url] = REFUSED
    run = begin(queued(here, provider=named))
    assert (run.status, run.provider) == (RunStatus.FAILED, named)


def test_a_run_that_fell_back_is_retried_at_its_own_provider(
    here: Scene, fallback: Provider, fake: FakeProvider
) -> None:
    fail(here, fake, REFUSED)
    by = here.people.principal(here.people.operator)
    run = services.cancel(run=begin(queued(here)), by=by)
    assert services.retry(run=run, by=by).provider == here.provider


def test_a_queued_run_waits_while_its_agent_is_off(
    here: Scene, fake: FakeProvider, settle: Settle
) -> None:
    run = queued(here)
    update(here.agent, is_enabled=False)
    settle()
    assert begin(run, times=3).attempts == 0
    assert (run.status, fake.started) == (RunStatus.QUEUED, {})
    assert run.due_at > timezone.now()
    update(here.agent, is_enabled=True)
    run_out(Run.objects.all(), "due_at")
    services.sweep()
    settle()
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING


@pytest.mark.parametrize("scope", ["environment", "agent:{agent}"])
def test_a_queued_run_waits_under_a_kill_switch(
    here: Scene, fake: FakeProvider, scope: str
) -> None:
    run = queued(here)
    scope = scope.format(agent=here.agent.slug)
    switch = KillSwitchFactory(environment=here.environment, scope=scope)
    assert begin(run).status == RunStatus.QUEUED
    switch.turned_off_at = timezone.now()
    switch.save()
    assert begin(run).status == RunStatus.RUNNING


def test_a_run_that_could_not_begin_for_a_day_ends(here: Scene, fake: FakeProvider) -> None:
    run = queued(here)
    update(here.agent, is_enabled=False)
    Run.objects.filter(pk=run.pk).update(created_at=run.created_at - timedelta(days=1, minutes=1))
    assert begin(run).status == RunStatus.FAILED
    assert run.error["code"] == "not_begun"
    assert "switched off" in run.error["message"]


@pytest.mark.parametrize("status", Reported)
def test_a_start_that_dies_after_the_answer_was_stored_leaves_a_run_that_goes_on(
    here: Scene, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, status: Reported
) -> None:
    on_start(fake, monkeypatch, lambda update: replace(update, status=status))
    run = queued(here, constraints={"timeout_s": 60})
    with monkeypatch.context() as patch:
        patch.setattr("gateway.runs.services.updating.apply_update", dies)
        with pytest.raises(SystemExit):
            begin(run)
    run.refresh_from_db()
    assert (run.status, run.provider_run_id) == (RunStatus.RUNNING, f"fake-{run.public_id}")
    assert run.started_at is not None
    run_out(Run.objects.all(), "time_out_at")
    services.sweep()
    run.refresh_from_db()
    assert run.status == RunStatus.FAILED


@pytest.fixture(params=["the adapter has a bug", "the key does not open", "it is unknown"])
def crash(
    request: pytest.FixtureRequest, here: Scene, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """From now on, calls of the provider crash."""
    row = Provider.objects.filter(pk=here.provider.pk)

    def bug(*_args: Any) -> None:
        raise ZeroDivisionError

    def adapter_bug() -> None:
        for call in ("start", "cancel"):
            monkeypatch.setattr(registry.provider("fake"), call, bug)

    return {
        "the adapter has a bug": adapter_bug,
        "the key does not open": lambda: row.update(sealed_api_key="not sealed"),
        "it is unknown": lambda: row.update(adapter="gone"),
    }[request.param]


def test_a_start_that_crashes_is_tried_later_and_given_up_after_a_day(
    here: Scene, fake: FakeProvider, crash: Callable[[], None]
) -> None:
    crash()
    run = begin(queued(here))
    assert (run.status, run.lease_until) == (RunStatus.QUEUED, None)
    told = run.events.get(kind="run.start_failed").data
    assert told["reason"] == "crashed"
    # A key that does not open, and an adapter that is gone, asked nobody for anything.
    assert bool(told.get("may_run")) is (run.provider.adapter == "fake" and not is_sealed_badly())
    Run.objects.filter(pk=run.pk).update(created_at=run.created_at - timedelta(days=1, minutes=1))
    assert begin(run).status == RunStatus.FAILED
    assert run.error["code"] == "crashed"


def is_sealed_badly() -> bool:
    return Provider.objects.filter(sealed_api_key="not sealed").exists()


def test_a_cancel_that_crashes_is_tried_later_and_given_up_after_a_day(
    here: Scene, fake: FakeProvider, crash: Callable[[], None]
) -> None:
    run = services.cancel(run=begin(queued(here)), by=here.people.principal(here.people.operator))
    crash()
    services.tell_provider_to_cancel(str(run.pk))
    run.refresh_from_db()
    assert run.cancel_due_at > timezone.now()
    long_ago = timezone.now() - timedelta(days=1, minutes=1)
    Run.objects.filter(pk=run.pk).update(finished_at=long_ago, cancel_due_at=long_ago)
    services.tell_provider_to_cancel(str(run.pk))
    run.refresh_from_db()
    assert run.cancel_due_at is None


def lost(update: RunUpdate) -> RunUpdate:
    """The provider's answer does not arrive."""
    raise LOST


def tells(run: Run, *, about: str = "", **more: Any) -> Run:
    """The provider says by webhook that this run of it wants the tool `look`."""
    call = ToolCall("c1", 0, "look", {"note": "a"})
    name = about or f"fake-{run.public_id}"
    update = RunUpdate(name, Reported.TOOL_REQUIRED, (call,), event="run.tool_required")
    return services.apply_update(
        run.provider, update, event_public_id="evt_1", event_sha256="e" * 64, **more
    )


@pytest.mark.parametrize("end", [lost, dies])
def test_an_event_of_a_run_whose_start_has_no_answer_waits_for_the_next_try(
    here: Scene, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]
) -> None:
    run = queued(here, constraints={"require_approval_for": ["look"]})
    with monkeypatch.context() as patch:
        on_start(fake, patch, end)
        with suppress(SystemExit):
            begin(run)
    run_out(Run.objects.filter(lease_until__isnull=False), "lease_until")
    with pytest.raises(services.RunNotReady):
        tells(run)
    assert begin(run).status == RunStatus.RUNNING
    assert tells(run) == run
    assert Run.objects.get() == run
    assert Action.objects.get().status == ActionStatus.PENDING


def test_an_event_waits_for_no_start_that_surely_failed(here: Scene, fake: FakeProvider) -> None:
    fail(here, fake, TOO_MANY)
    run = begin(queued(here))
    assert tells(run, about="its own").origin == Run.Origin.PROVIDER


def test_an_event_waits_for_no_start_that_was_wanted_after_it_came(
    here: Scene, fake: FakeProvider
) -> None:
    fail(here, fake, LOST)
    run = begin(queued(here))
    before = run.created_at - 2 * CLOCKS_APART
    assert tells(run, about="its own", received_at=before).origin == Run.Origin.PROVIDER


def test_an_event_waits_for_a_start_for_some_minutes_only(here: Scene, fake: FakeProvider) -> None:
    fail(here, fake, LOST)
    run = begin(queued(here))
    Run.objects.update(created_at=run.created_at - 2 * HELD_FOR)
    just_now = timezone.now() - HELD_FOR / 2
    with pytest.raises(services.RunNotReady):
        tells(run, about="its own", received_at=just_now)
    long_ago = timezone.now() - HELD_FOR
    assert tells(run, about="its own", received_at=long_ago).origin == Run.Origin.PROVIDER


def test_a_run_whose_worker_died_while_it_began_is_never_begun_elsewhere(
    here: Scene, fallback: Provider, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(here)
    with monkeypatch.context() as patch:
        on_start(fake, patch, dies)
        with pytest.raises(SystemExit):
            begin(run)
    run_out(Run.objects.all(), "lease_until")
    fail(here, fake, REFUSED)
    assert (begin(run).status, run.provider) == (RunStatus.FAILED, here.provider)


def opened_too_early(here: Scene, fake: FakeProvider, **wanted: Any) -> list[Run]:
    """A run without an answer, and the one that its event opened after waiting in vain."""
    fail(here, fake, LOST)
    run = begin(queued(here, **wanted))
    fake.fail_at.clear()
    long_ago = timezone.now() - HELD_FOR
    return [run, tells(run, received_at=long_ago)]


def test_the_run_that_an_event_opened_before_the_answer_goes_on_by_the_starters_will(
    here: Scene, fake: FakeProvider
) -> None:
    wanted = {"constraints": {"require_approval_for": ["note"], "timeout_s": 60}, "tags": {"a": 1}}
    run, other = opened_too_early(here, fake, **wanted)
    assert begin(run).status == RunStatus.FAILED
    assert run.error["code"] == "known_as_another"
    assert other.public_id in run.error["next"]
    assert (run.due_at, run.lease_until, run.provider_run_id) == (None, None, None)
    other.refresh_from_db()
    assert (other.constraints, other.tags, other.task) == (run.constraints, run.tags, run.task)
    assert (other.starter_user_id, other.is_final) == (here.people.operator.pk, False)
    assert other.time_out_at > timezone.now()
    told = AuditRecord.objects.get(action="runs.run.took_over").body_json
    assert told["target"]["id"] == other.public_id
    assert told["changes"]["constraints"] == [{}, run.constraints]
    assert [line.kind for line in other.events.all()][-2:] == ["run.took_over", "start"]


def test_a_run_that_has_ended_already_takes_nothing_over(here: Scene, fake: FakeProvider) -> None:
    run, other = opened_too_early(here, fake, tags={"a": 1})
    services.cancel(run=other, by=here.people.principal(here.people.operator))
    assert begin(run).status == RunStatus.FAILED
    other.refresh_from_db()
    assert (other.status, other.tags) == (RunStatus.CANCELED, {})


def test_two_starts_that_the_provider_answers_with_one_run_are_one_run(
    here: Scene, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_start(fake, monkeypatch, lambda update: replace(update, run_id="one"))
    first, second = begin(queued(here, tags={"a": 1})), begin(queued(here, tags={"a": 2}))
    assert (first.status, second.status) == (RunStatus.RUNNING, RunStatus.FAILED)
    first.refresh_from_db()
    assert first.tags == {"a": 1}


def test_a_run_that_is_canceled_while_it_begins_is_canceled_at_its_provider(
    here: Scene, fake: FakeProvider, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, by = queued(here), here.people.principal(here.people.operator)

    def cancel(update: RunUpdate) -> RunUpdate:
        services.cancel(run=run, by=by)
        with pytest.raises(services.RunNotReady):
            tells(run)
        return update

    on_start(fake, monkeypatch, cancel)
    settle()
    run.refresh_from_db()
    name = f"fake-{run.public_id}"
    assert (run.status, run.provider_run_id, run.cancel_due_at) == (RunStatus.CANCELED, name, None)
    assert fake.canceled == [name]
    assert (tells(run), Action.objects.count()) == (run, 0)
    assert [line.kind for line in run.events.all()][-2:] == [
        "late.run.accepted", "late.run.tool_required",
    ]  # fmt: skip


def test_the_run_that_an_event_opened_is_canceled_with_the_one_that_began_it(
    here: Scene, fake: FakeProvider, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, by = queued(here), here.people.principal(here.people.operator)

    def cancel(update: RunUpdate) -> RunUpdate:
        services.cancel(run=run, by=by)
        tells(run, received_at=timezone.now() - 2 * HELD_FOR)
        return update

    on_start(fake, monkeypatch, cancel)
    settle()
    other = Run.objects.exclude(pk=run.pk).get()
    assert (other.status, fake.canceled) == (RunStatus.CANCELED, [other.provider_run_id])
    run.refresh_from_db()
    assert (run.status, run.provider_run_id) == (RunStatus.CANCELED, None)
    assert all(action.is_settled for action in Action.objects.all())


def test_an_event_waits_for_a_canceled_start_no_longer_than_its_lease(
    here: Scene, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queued(here)
    on_start(fake, monkeypatch, dies)
    with pytest.raises(SystemExit):
        begin(run)
    services.cancel(run=run, by=here.people.principal(here.people.operator))
    with pytest.raises(services.RunNotReady):
        tells(run, about="its own")
    run_out(Run.objects.all(), "lease_until")
    assert tells(run, about="its own").origin == Run.Origin.PROVIDER


def test_a_start_that_was_canceled_ends_no_run_that_somebody_else_started(
    here: Scene, fake: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = queued(here), queued(here)
    by = here.people.principal(here.people.operator)

    def answer(update: RunUpdate) -> RunUpdate:
        if second.public_id in update.run_id:
            services.cancel(run=second, by=by)
        return replace(update, run_id="one")

    on_start(fake, monkeypatch, answer)
    assert (begin(first).status, begin(second).status) == (RunStatus.RUNNING, RunStatus.CANCELED)
    first.refresh_from_db()
    assert (first.status, first.cancel_due_at) == (RunStatus.RUNNING, None)
