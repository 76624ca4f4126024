"""T53: an event that kills its worker is given up after three times and delays nobody for long.

The worker is a real process, killed by -9 in the middle of the event and started again, as the
process tree would.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connections

from audit.models import AuditRecord
from gateway.lib.errors import Denied
from tests import people
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Event
from webhooks.services import claiming, processing
from webhooks.states import FINAL

pytestmark = pytest.mark.django_db(transaction=True)
MARK = b"poison"
OTHERS = 30
GIVE_UP_S = 60.0
IDLE_S = 0.05


def work() -> None:
    """The worker: processes what is due until it is killed; the marked event does that."""
    original = processing.carry_out

    def deadly(event: Event) -> object:
        if MARK in event.raw:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(event)

    processing.carry_out = deadly  # type: ignore[assignment]
    while True:
        if not services.process_chunk():
            time.sleep(IDLE_S)


class Worker:
    """The worker's supervisor: starts it again whenever it ended, and counts that."""

    def __init__(self) -> None:
        self.deaths = 0
        self.process = self.start()

    def start(self) -> multiprocessing.Process:
        connections.close_all()  # the child must not share one
        process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
        process.start()
        return process  # type: ignore[return-value]

    def until(self, is_true: Callable[[], bool]) -> float:
        """Keep it running until this holds; how many seconds that took."""
        began = time.monotonic()
        while not is_true():
            took = time.monotonic() - began
            assert took < GIVE_UP_S, list(Event.objects.values_list("status", "lost_leases"))
            self.process.join(IDLE_S)
            if self.process.exitcode is not None:
                assert self.process.exitcode == -signal.SIGKILL
                self.deaths += 1
                self.process = self.start()
        return time.monotonic() - began

    def stop(self) -> None:
        self.process.kill()
        self.process.join()


@pytest.fixture
def supervised() -> Iterator[Callable[[], Worker]]:
    started: list[Worker] = []

    def begin() -> Worker:
        started.append(Worker())
        return started[-1]

    yield begin
    for worker in started:
        worker.stop()


def are_done(events: list[Event]) -> bool:
    found = Event.objects.filter(pk__in=[event.pk for event in events])
    return not found.exclude(status__in=FINAL).exists()


def deliver(source, count: int) -> list[Event]:
    return [EventFactory(source=source) for _ in range(count)]


def check(supervised: Callable[[], Worker], *, within_s: float) -> None:
    """Others of the same chunk and later ones are done in time; the poison is dead after three."""
    here = people.ready()
    source = SourceFactory(environment=here.environment)
    RouteFactory(source=source, when="event.type == 'never'")  # so that they are claimed
    beside = deliver(source, OTHERS // 2)
    poison = EventFactory(source=source, body=b'{"a":"poison"}')
    beside += deliver(source, OTHERS // 2)
    worker = supervised()

    assert worker.until(lambda: are_done(beside)) < within_s
    later = deliver(source, OTHERS)
    assert worker.until(lambda: are_done(later)) < within_s
    worker.until(lambda: are_done([poison]))

    poison.refresh_from_db()
    assert (poison.status, worker.deaths) == ("dead", claiming.MAX_LOST_LEASES)
    assert poison.reason == "It was being processed 3 times when its worker stopped."
    assert set(Event.objects.exclude(pk=poison.pk).values_list("status", flat=True)) == {
        "processed"
    }
    assert AuditRecord.objects.get(action="webhooks.event.given_up").target_id == poison.public_id
    with pytest.raises(Denied):
        services.replay(event=poison, by=here.principal(here.may))
    services.replay(event=poison, by=here.principal(here.operator))
    assert AuditRecord.objects.filter(action="webhooks.event.replayed").count() == 2


def test_event_that_kills_its_worker_is_given_up_and_delays_others_little(supervised, monkeypatch):
    monkeypatch.setattr(claiming, "LEASE_S", 1.0)
    monkeypatch.setattr(claiming, "RENEW_EVERY_S", 0.25)
    check(supervised, within_s=20.0)  # of a machine that does much else; the figure is below


@pytest.mark.long
def test_with_the_real_lease_others_are_delayed_for_ten_seconds_at_most(supervised):
    check(supervised, within_s=10.0)
