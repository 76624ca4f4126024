"""The scheduler: of any number, one ticks."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Checkpoint, Leaf
from gateway import scheduling
from gateway.lib import heartbeat
from gateway.lib.broker import JobName
from gateway.models import Lease
from tests.factories.audit import AuditRecordFactory
from tests.jobs import waiting

pytestmark = pytest.mark.django_db


class TicksOf(threading.Event):
    """Lets the loop run a number of times without waiting."""

    def __init__(self, ticks: int) -> None:
        super().__init__()
        self.left = ticks

    def wait(self, timeout: float | None = None) -> bool:
        """True once all ticks are used up."""
        self.left -= 1
        return self.left < 0


@pytest.fixture(autouse=True)
def _keeps_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    # The test's transaction lives in the connection that a tick would otherwise give back.
    monkeypatch.setattr(scheduling, "close_old_connections", lambda: None)


@pytest.fixture(autouse=True)
def _own_audit_folder(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_DIR = tmp_path / "audit"


def test_only_one_of_two_holds_the_lease() -> None:
    assert scheduling.hold("first")
    assert not scheduling.hold("second")
    assert scheduling.hold("first")


def test_a_lease_that_ran_out_or_was_given_back_is_taken_over() -> None:
    scheduling.hold("first")
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    assert scheduling.hold("second")
    scheduling.release("second")
    assert scheduling.hold("third")


def test_giving_back_what_somebody_else_holds_changes_nothing() -> None:
    scheduling.hold("first")
    scheduling.release("second")
    assert not scheduling.hold("second")


def rung() -> list[str]:
    """What was rung, in alphabetical order; pruning once an hour, so once here."""
    return sorted(message.actor_name for message in waiting())


def test_each_tick_of_the_leader_wakes_the_sweep_and_beats() -> None:
    scheduling.run(TicksOf(3))
    assert rung() == [JobName.COUNT_HOURS, JobName.PRUNE, *[JobName.SWEEP] * 3]
    assert heartbeat.alive("scheduler")


def test_the_leader_gives_records_their_places_and_signs() -> None:
    record = AuditRecordFactory()
    scheduling.run(TicksOf(1))
    assert Leaf.objects.get().record == record
    assert Checkpoint.objects.get().size == 1


def test_a_folder_that_cannot_be_written_stops_the_signing_and_not_the_ticks(
    settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings.AUDIT_DIR = tmp_path / "file" / "audit"
    AuditRecordFactory()
    scheduling.run(TicksOf(2))
    assert rung() == [JobName.COUNT_HOURS, JobName.PRUNE, *[JobName.SWEEP] * 2]
    assert (Leaf.objects.count(), Checkpoint.objects.count()) == (1, 0)


def test_whoever_does_not_lead_wakes_nobody() -> None:
    scheduling.hold("somebody else")
    scheduling.run(TicksOf(3))
    assert waiting() == []
    assert not heartbeat.alive("scheduler")


def test_a_leader_that_stops_lets_the_next_one_begin_at_once() -> None:
    scheduling.run(TicksOf(1))
    assert scheduling.hold("next")


def test_two_schedulers_have_two_names() -> None:
    assert scheduling.holder() != scheduling.holder()
