"""dramatiq's Redis broker, whose consumers are woken and fetch several messages at a time.

dramatiq's own consumer looks for messages by a script in Redis: up to ten times a second and queue
while nothing happens, and more often while something does. Here a word is published with each
message, and a consumer looks when it hears it. The word may be lost, so it looks twice a second as
well; and as often as dramatiq does where words cannot be heard.
"""

import threading
from collections import defaultdict
from typing import Any

import dramatiq
import redis
import structlog
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import dq_name

log = structlog.get_logger(__name__)
# Without a word.
LOOK_S = 0.5
AGAIN_S = 1.0
# dramatiq's own pause after a look that found nothing; the wait for a word comes after it.
MISS_MS = 1


class Words:
    """Which queues got messages, said to the consumers of all processes.

    One subscription for the process: it begins with the first consumer and ends with the last.
    """

    def __init__(self, client: redis.Redis, channel: str) -> None:
        self.client = client
        self.channel = channel
        self.listeners: defaultdict[str, set[threading.Event]] = defaultdict(set)
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        # Whether words arrive here, as far as can be known.
        self.stands = False

    def say(self, queue_name: str) -> None:
        """Wake whoever consumes this queue. Never raises: the message itself is in the queue."""
        try:
            self.client.publish(self.channel, queue_name)
        except (redis.RedisError, OSError) as error:
            log.warning("queue_word_lost", queue=queue_name, error=repr(error))

    def add(self, queue_name: str, event: threading.Event) -> None:
        """From now on set this event when the queue gets a message."""
        with self.lock:
            self.listeners[queue_name].add(event)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="queue-words", daemon=True)
                self.thread.start()

    def remove(self, queue_name: str, event: threading.Event) -> None:
        """Not any more."""
        with self.lock:
            self.listeners[queue_name].discard(event)

    def _is_over(self) -> bool:
        """Whether nobody listens; then the thread ends, and whoever comes next starts another."""
        with self.lock:
            if any(self.listeners.values()):
                return False
            self.thread = None
            return True

    def _run(self) -> None:
        pause, said = threading.Event(), False
        while not self._is_over():
            try:
                self._listen()
                return
            except (redis.RedisError, OSError) as error:
                if self.stands or not said:  # once in an outage; consumers say the rest
                    log.warning("queue_words_not_heard", error=repr(error))
                self.stands, said = False, True
            pause.wait(AGAIN_S)

    def _listen(self) -> None:
        with self.client.pubsub(ignore_subscribe_messages=True) as subscription:
            subscription.subscribe(self.channel)
            self.stands = True
            self._wake(None)
            while not self._is_over():
                message = subscription.get_message(timeout=AGAIN_S)
                if message is not None:
                    self._wake(message["data"].decode())
        self.stands = False

    def _wake(self, queue_name: str | None) -> None:
        """The consumers of this queue; of all where it is not known what was said meanwhile."""
        with self.lock:
            named = self.listeners.values() if queue_name is None else [self.listeners[queue_name]]
            for event in {event for events in named for event in events}:
                event.set()


class WokenConsumer(_RedisConsumer):
    """Looks when it is woken, and fetches once a third of what it may hold is done.

    dramatiq's own fetches one message for each that is done, as soon as it is: a script in Redis,
    and with it a fifth of what a busy worker has time for. Messages that have to wait anyway are
    due half a second late at most.
    """

    def __init__(
        self, broker: "WakingBroker", queue_name: str, prefetch: int, timeout: int
    ) -> None:
        super().__init__(broker, queue_name, prefetch, MISS_MS)
        self.patience_s = LOOK_S if queue_name == dq_name(queue_name) else timeout / 1000
        self.words = broker.words
        self.woken = threading.Event()
        self.found_nothing = False
        self.was_full = False
        self.words.add(queue_name, self.woken)

    @property
    def outstanding_message_count(self) -> int:
        """How many messages are held; from two thirds on it counts as full."""
        count = int(super().outstanding_message_count)
        return count if 3 * count <= 2 * self.prefetch else self.prefetch

    def __next__(self) -> Any:
        """The next message, or None after some waiting."""
        if self.found_nothing:
            self.woken.wait(self.patience_s if self.was_full or not self.words.stands else LOOK_S)
        # Before the look: what comes after it must wake again.
        self.woken.clear()
        self.was_full = self.outstanding_message_count >= self.prefetch
        found = super().__next__()
        self.found_nothing = found is None
        return found

    def ack(self, message: Any) -> None:
        """Forget the message. Where this one was full there is room now, and nobody says so."""
        super().ack(message)
        self._look_if_full()

    def nack(self, message: Any) -> None:
        """The same for a message that failed."""
        super().nack(message)
        self._look_if_full()

    def _look_if_full(self) -> None:
        if self.was_full:
            self.woken.set()

    def close(self) -> None:
        """Hear no more words."""
        self.words.remove(self.queue_name, self.woken)
        super().close()


class WakingBroker(RedisBroker):
    """dramatiq's broker, which says a word with each message that is due at once."""

    def __init__(self, *, namespace: str, **options: Any) -> None:
        super().__init__(namespace=namespace, **options)
        self.words = Words(self.client, f"{namespace}:words")

    @property
    def consumer_class(self) -> type[_RedisConsumer]:
        """What reads a queue."""
        return WokenConsumer

    def enqueue(
        self, message: dramatiq.Message[Any], *, delay: int | None = None
    ) -> dramatiq.Message[Any]:
        """Put the message into its queue and wake whoever consumes it."""
        sent = super().enqueue(message, delay=delay)
        if delay is None:
            self.words.say(message.queue_name)
        return sent
