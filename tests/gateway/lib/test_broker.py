"""Bells on a real queue: what a sweep adds ends where the workers are behind."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from gateway.lib import broker as bells
from gateway.lib.broker import MOST_WAITING, QUEUES, JobName
from tests.flows import outages
from tests.flows.outages import Queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    with outages.queue() as running:
        with override_settings(TASK_BROKER="redis", REDIS_URL=running.url):
            monkeypatch.setattr(bells, "broker", bells._make_broker())
        yield running


def waiting(queue: Queue, name: JobName) -> int:
    told = outages.command(queue.socket, f"LLEN {bells.NAMESPACE}:{QUEUES[name]}")
    return int(told.strip().removeprefix(b":"))


def test_a_sweep_fills_a_queue_no_further_than_to_its_bound(queue: Queue) -> None:
    for number in range(2 * MOST_WAITING):
        bells.ring_again(JobName.EXECUTE_ACTION, str(number))
    assert waiting(queue, JobName.EXECUTE_ACTION) == MOST_WAITING
    # Another queue is another matter, and what is new is never held back.
    bells.ring_again(JobName.PROCESS_EVENTS)
    assert waiting(queue, JobName.PROCESS_EVENTS) == 1
    bells.ring(JobName.EXECUTE_ACTION, "new")
    assert waiting(queue, JobName.EXECUTE_ACTION) == MOST_WAITING + 1


def test_a_queue_that_forgot_everything_is_filled_again(queue: Queue) -> None:
    for number in range(2 * MOST_WAITING):
        bells.ring_again(JobName.ANNOUNCE, "action", str(number))
    outages.command(queue.socket, "FLUSHALL")
    bells.ring_again(JobName.ANNOUNCE, "action", "1")
    assert waiting(queue, JobName.ANNOUNCE) == 1


def test_rows_that_have_their_message_get_no_second_one(queue: Queue) -> None:
    rows = [(str(number),) for number in range(50)]
    for number in range(30):
        bells.ring(JobName.EXECUTE_ACTION, str(number))
    bells.ring_each_again(JobName.EXECUTE_ACTION, rows)
    assert waiting(queue, JobName.EXECUTE_ACTION) == 50
    outages.command(queue.socket, "FLUSHALL")
    bells.ring_each_again(JobName.EXECUTE_ACTION, rows)
    assert waiting(queue, JobName.EXECUTE_ACTION) == 50


def test_the_most_urgent_rows_are_rung_for_whatever_waits(queue: Queue) -> None:
    for number in range(100):
        bells.ring(JobName.ANNOUNCE, "action", str(number))
    bells.ring_each_again(JobName.EXECUTE_ACTION, [(f"due {n}",) for n in range(50)])
    client = bells.broker.client  # type: ignore[attr-defined]  # Redis's broker, by the fixture
    messages = b"".join(client.hvals(f"{bells.NAMESPACE}:actions.msgs")).decode()
    rung = [n for n in range(50) if f'"due {n}"' in messages]
    assert rung == list(range(bells.ALWAYS_RUNG))


def test_many_rows_fill_a_queue_no_further_than_to_its_bound(queue: Queue) -> None:
    for _ in range(2):
        rows = [(str(number),) for number in range(2 * MOST_WAITING)]
        bells.ring_each_again(JobName.EXECUTE_ACTION, rows)
        assert waiting(queue, JobName.EXECUTE_ACTION) == MOST_WAITING


def test_one_sweep_at_most_waits(queue: Queue) -> None:
    assert not bells.is_behind(JobName.SWEEP)
    bells.ring_now(JobName.SWEEP)
    assert bells.is_behind(JobName.SWEEP)


def test_without_a_queue_nobody_is_held_back(queue: Queue) -> None:
    queue.stop()
    assert not bells.is_behind(JobName.SWEEP)


def test_messages_are_fetched_several_at_a_time_once_a_third_is_done(queue: Queue) -> None:
    for number in range(12):
        bells.ring_now(JobName.EXECUTE_ACTION, str(number))
    consumer = bells.broker.consume(QUEUES[JobName.EXECUTE_ACTION], prefetch=6, timeout=1)
    held = [next(consumer) for _ in range(6)]
    assert waiting(queue, JobName.EXECUTE_ACTION) == 6

    consumer.ack(held[0])
    assert next(consumer) is None
    assert waiting(queue, JobName.EXECUTE_ACTION) == 6

    consumer.ack(held[1])
    assert [next(consumer).args for _ in range(2)] == [("6",), ("7",)]
    assert next(consumer) is None
    assert waiting(queue, JobName.EXECUTE_ACTION) == 4
