"""Invariant 5: what is committed reaches its end without its bell, and without its first worker."""

from collections.abc import Iterator

import pytest

from approvals import executor
from approvals.models import Action
from approvals.services import approve
from approvals.states import ActionStatus
from gateway.connectors.fake import FakeConnector
from gateway.providers.fake import FakeProvider
from gateway.runs.models import Report, Run
from gateway.runs.states import ReportStatus, RunStatus
from tests.factories.webhooks import EventFactory, SourceFactory
from tests.invariants.scene import Scene, fakes, run_out, scene, sweep_until
from webhooks.models import Event
from webhooks.services.claiming import claim_chunk
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
Fakes = tuple[FakeConnector, FakeProvider]


@pytest.fixture
def faked() -> Iterator[Fakes]:
    with fakes() as found:
        yield found


def arrives(here: Scene, body: bytes = b"their-1 tool_required note") -> Event:
    """A committed event of the fake provider whose bell nobody heard."""
    source = SourceFactory(environment=here.environment, provider=here.provider)
    return EventFactory(source=source, body=body)


def status(row: Event | Action | Report | Run) -> str:
    row.refresh_from_db()
    return row.status


def test_sweeps_alone_bring_an_event_to_its_reported_result(faked: Fakes) -> None:
    connector, provider = faked
    here = scene()
    event = arrives(here)
    # The tool of an empty call has no note, so this one goes back to the agent as invalid.
    sweep_until(lambda: provider.answers)
    assert status(event) == EventStatus.PROCESSED
    assert Report.objects.get().status == ReportStatus.DELIVERED
    assert connector.calls == []


def test_sweeps_alone_execute_and_report_what_a_person_approved(faked: Fakes) -> None:
    connector, provider = faked
    here = scene(input_schema={"type": "object", "properties": {}, "additionalProperties": False},
                 effect="Write a note")  # fmt: skip
    arrives(here)
    sweep_until(Action.objects.exists)
    action = Action.objects.get()
    approve(action=action, by=here.people.principal(here.people.may), digest=action.digest)
    sweep_until(lambda: provider.answers)
    assert status(action) == ActionStatus.SUCCEEDED
    assert len(connector.calls) == 1
    assert [answer.call_id for _, answer in provider.answers] == [action.call_id]


def test_a_run_is_started_though_its_bell_was_lost(faked: Fakes) -> None:
    from gateway.runs.services import start

    here = scene()
    by = here.people.principal(here.people.operator)
    run = start(here.environment, agent=None, provider=here.provider, task="Look.", by=by)
    sweep_until(lambda: status(run) == RunStatus.RUNNING)
    assert list(faked[1].started) == [run.public_id]


def test_an_event_whose_worker_was_killed_is_processed_by_another(faked: Fakes) -> None:
    event = arrives(scene(), b"their-1 running")
    assert [claimed.pk for claimed in claim_chunk()] == [event.pk]
    assert status(event) == EventStatus.PROCESSING
    run_out(Event.objects.all(), "due_at", "lease_until")
    sweep_until(lambda: status(event) == EventStatus.PROCESSED)
    assert event.lost_leases == 1


def test_an_action_whose_worker_was_killed_is_executed_by_another(faked: Fakes) -> None:
    action = scene().approved()
    assert executor.claim(str(action.pk)) is not None
    run_out(Action.objects.all(), "lease_until")
    sweep_until(lambda: status(action) == ActionStatus.SUCCEEDED)
    assert list(faked[0].effects) == [action.public_id]


def test_a_report_whose_worker_was_killed_is_sent_by_another(faked: Fakes) -> None:
    from gateway.runs.services.reporting import _claim

    provider = faked[1]
    arrives(scene())
    sweep_until(Report.objects.exists)
    report = Report.objects.get()
    if report.status == ReportStatus.DUE:
        assert _claim(str(report.run_id)) is not None
    run_out(Report.objects.all(), "lease_until", "due_at")
    sweep_until(lambda: status(report) == ReportStatus.DELIVERED)
    assert len(provider.answers) == 1
