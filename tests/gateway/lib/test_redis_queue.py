"""A consumer is woken by whoever puts a message into its queue; a lost word only delays it."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import dramatiq
import pytest
import redis

from gateway.lib import redis_queue
from gateway.lib.redis_queue import WakingBroker, WokenConsumer
from tests.flows import outages
from tests.flows.outages import Queue
from tests.flows.tree import until

# Longer than any test waits for a message: what comes sooner was not found by looking.
NEVER_MS, SOON_S = 30_000, 15
SPACE, QUEUE = "test", "work"


@pytest.fixture
def queue() -> Iterator[Queue]:
    with outages.queue() as running:
        yield running


@pytest.fixture
def reader() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1, "reader") as pool:
        yield pool


@pytest.fixture
def no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_queue, "LOOK_S", NEVER_MS / 1000)


def broker_of(queue: Queue) -> WakingBroker:
    return WakingBroker(
        namespace=SPACE, client=redis.Redis.from_url(queue.url), middleware=[], maintenance_chance=0
    )


def message(text: str) -> "dramatiq.Message[Any]":
    return dramatiq.Message(
        queue_name=QUEUE, actor_name="work", args=(text,), kwargs={}, options={}
    )


def following(consumer: WokenConsumer) -> Any:
    """The next message, however often nothing comes before it; None after a long time."""
    give_up = time.monotonic() + NEVER_MS / 1000
    while (found := next(consumer)) is None and time.monotonic() < give_up:
        pass
    return found


def asleep(consumer: WokenConsumer, reader: ThreadPoolExecutor) -> "Future[Any]":
    """A consumer that has looked, found nothing and waits for a word."""
    coming = reader.submit(following, consumer)
    until(lambda: consumer.words.stands and consumer.found_nothing, "it hears and has looked")
    return coming


def test_a_consumer_that_waits_hears_of_a_message_by_another_process(
    queue: Queue, reader: ThreadPoolExecutor, no_look: None
) -> None:
    consumer = broker_of(queue).consume(QUEUE, prefetch=6, timeout=NEVER_MS)
    coming = asleep(consumer, reader)
    broker_of(queue).enqueue(message("now"))
    assert coming.result(timeout=SOON_S).args == ("now",)
    consumer.close()


def test_a_message_of_which_nobody_said_a_word_is_found(
    queue: Queue, reader: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = broker_of(queue)
    consumer = broker.consume(QUEUE, prefetch=6, timeout=NEVER_MS)
    coming = asleep(consumer, reader)
    monkeypatch.setattr(broker.words, "say", lambda queue_name: None)
    broker.enqueue(message("silent"))
    assert coming.result(timeout=SOON_S).args == ("silent",)
    consumer.close()


def test_words_are_heard_again_after_the_queue_was_away(
    queue: Queue, reader: ThreadPoolExecutor, no_look: None
) -> None:
    broker = broker_of(queue)
    consumer = broker.consume(QUEUE, prefetch=6, timeout=NEVER_MS)
    waiting = asleep(consumer, reader)
    queue.stop()
    until(lambda: not consumer.words.stands, "it is noticed that no words come", within_s=20)
    queue.start()
    # It looks as soon as words can come again: what was said meanwhile is not known.
    broker.enqueue(message("after"))
    assert waiting.result(timeout=SOON_S).args == ("after",)
    waiting = asleep(consumer, reader)
    broker.enqueue(message("later"))
    assert waiting.result(timeout=SOON_S).args == ("later",)
    consumer.close()


def test_where_words_are_not_allowed_messages_go_through_by_looking(
    queue: Queue, reader: ThreadPoolExecutor, no_look: None
) -> None:
    outages.command(queue.socket, "ACL SETUSER default resetchannels")
    broker = broker_of(queue)
    consumer = broker.consume(QUEUE, prefetch=6, timeout=10)
    broker.enqueue(message("looked for"))
    assert reader.submit(following, consumer).result(timeout=SOON_S).args == ("looked for",)
    assert not consumer.words.stands
    consumer.close()


def test_a_full_consumer_looks_as_soon_as_it_has_room(
    queue: Queue, reader: ThreadPoolExecutor, no_look: None
) -> None:
    broker = broker_of(queue)
    for number in range(12):
        broker.enqueue(message(str(number)))
    consumer = broker.consume(QUEUE, prefetch=6, timeout=NEVER_MS)
    held = [following(consumer) for _ in range(6)]
    coming = reader.submit(following, consumer)
    until(lambda: consumer.was_full and consumer.found_nothing, "it has no room")
    for one in held[:2]:
        consumer.ack(one)
    assert coming.result(timeout=SOON_S).args == ("6",)
    consumer.close()


def test_the_subscription_ends_with_the_last_consumer(queue: Queue) -> None:
    broker = broker_of(queue)
    consumers = [broker.consume(QUEUE, prefetch=6, timeout=10) for _ in range(2)]
    channel = f"{SPACE}:words"

    def listeners() -> int:
        return int(broker.client.pubsub_numsub(channel)[0][1])

    until(lambda: listeners() == 1, "one subscription for all")
    for consumer in consumers:
        consumer.close()
    until(lambda: listeners() == 0, "nobody listens", within_s=20)
    again = broker.consume(QUEUE, prefetch=6, timeout=10)
    until(lambda: listeners() == 1, "the next begins anew")
    again.close()
