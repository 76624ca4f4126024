"""A database that was set back executes nothing until people have looked."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from approvals import executor
from approvals.models import Action, KillSwitch
from approvals.services import set_kill_switch, stop_everywhere
from audit.actions import AuditAction
from audit.models import AuditRecord, Checkpoint, Leaf
from audit.sequencer import Sequencer
from gateway import scheduling, setback, worker
from gateway.connectors.fake import FakeConnector
from gateway.lib.broker import JobName
from gateway.lib.errors import Conflict
from tests.audit.superuser import guard, unguard
from tests.factories.tenants import EnvironmentFactory
from tests.invariants.scene import Scene, fakes, scene

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("published_in")]


@pytest.fixture
def fake() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    return scene()


def approved(here: Scene) -> Action:
    """An approved action whose approval is published."""
    action = here.approved()
    Sequencer().tick()
    return action


def restored() -> None:
    """The database as a backup has it that was made a record earlier."""
    unguard()
    Checkpoint._base_manager.all().delete()
    last = Leaf._base_manager.exclude(log="system").order_by("-leaf_index").first()
    assert last is not None
    Leaf._base_manager.filter(pk=last.pk).delete()
    AuditRecord._base_manager.filter(pk=last.record_id).delete()
    guard()


def let_go_on(here: Scene, scope: str = "environment") -> KillSwitch:
    by = here.people.principal(here.people.operator)
    return set_kill_switch(here.environment, scope=scope, on=False, reason="Seen.", by=by)


def test_sound_database_is_not_stopped(here: Scene, fake: FakeConnector) -> None:
    action = approved(here)
    assert not setback.stop_if_set_back()
    executor.execute(str(action.pk))
    assert len(fake.calls) == 1


def test_database_that_was_set_back_runs_nothing_in_any_environment(
    here: Scene, fake: FakeConnector
) -> None:
    other = EnvironmentFactory()
    action = approved(here)
    restored()
    assert setback.stop_if_set_back()
    executor.execute(str(action.pk))
    assert fake.calls == []
    switches = {one.environment_id: one for one in KillSwitch.objects.on()}
    assert {here.environment.pk, other.pk} <= set(switches)
    switch = switches[here.environment.pk]
    assert switch.reason.startswith("The database was set back")
    assert (switch.turned_on_by, switch.stopped_by) == (None, "Countersign itself")
    record = AuditRecord.objects.get(target_id=switch.public_id)
    assert (record.action, record.actor_kind) == (AuditAction.KILL_SWITCH_ON, "system")


def test_what_people_let_go_on_is_not_stopped_again_for_the_same_head(
    here: Scene, fake: FakeConnector
) -> None:
    action = approved(here)
    restored()
    setback.stop_if_set_back()
    later = EnvironmentFactory()
    let_go_on(here)
    assert setback.stop_if_set_back(), "the folder is as it was"
    assert not KillSwitch.objects.on().within(here.environment).exists()
    assert not KillSwitch.objects.on().within(later).exists(), "it has nothing from before"
    executor.execute(str(action.pk))
    assert len(fake.calls) == 1


def test_switch_of_a_person_stays_when_the_deployment_stops_itself(
    here: Scene, fake: FakeConnector
) -> None:
    by = here.people.principal(here.people.operator)
    mine = set_kill_switch(here.environment, scope="environment", on=True, reason="Mine.", by=by)
    action = approved(here)
    restored()
    setback.stop_if_set_back()
    with pytest.raises(Conflict, match=f"2 kill switches .* {mine.public_id}"):
        let_go_on(here)
    assert let_go_on(here, mine.public_id) == mine
    executor.execute(str(action.pk))
    assert fake.calls == [], "two reasons to stop are two decisions to go on"
    assert let_go_on(here).stopped_by == "Countersign itself"
    executor.execute(str(action.pk))
    assert len(fake.calls) == 1


def test_what_the_deployment_holds_already_is_not_stopped_twice(here: Scene) -> None:
    approved(here)
    restored()
    setback.stop_if_set_back()
    assert stop_everywhere(cause="another head", reason="Another log, the same restore.") == 0
    let_go_on(here)
    assert not KillSwitch.objects.on().within(here.environment).exists()
    # Found again after people have looked, it is news.
    assert stop_everywhere(cause="another head", reason="Another log.") > 0


class Once(threading.Event):
    """Lets the scheduler's loop run once."""

    ticks = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.ticks += 1
        return self.ticks > 1


def test_scheduler_looks_before_its_first_sweep(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(here)
    restored()
    monkeypatch.setattr(scheduling, "close_old_connections", lambda: None)
    rung: list[tuple[JobName, bool]] = []

    def ring(name: JobName, *_: Any) -> None:
        rung.append((name, KillSwitch.objects.on().exists()))

    monkeypatch.setattr(scheduling, "ring_now", ring)
    scheduling.run(Once())
    assert rung[0] == (JobName.SWEEP, True)


def test_scheduler_that_leads_already_stops_everything_once_a_head_is_refused(
    here: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(here)
    monkeypatch.setattr(scheduling, "close_old_connections", lambda: None)
    sequencer = Sequencer()
    sequencer.tick()
    restored()
    here.ask()
    scheduling._sequence(sequencer)
    assert KillSwitch.objects.on().within(here.environment).exists()


def test_worker_that_cannot_look_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.connections, "close_all", lambda: None)

    def no_database() -> bool:
        raise DatabaseError("not yet")

    monkeypatch.setattr(setback, "stop_if_set_back", no_database)
    assert not worker._has_looked_back(), "it waits and looks again"

    def broken() -> bool:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(setback, "stop_if_set_back", broken)
    with pytest.raises(SystemExit):
        worker._has_looked_back()


def test_worker_that_looked_begins(published_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.connections, "close_all", lambda: None)
    assert worker._has_looked_back()
