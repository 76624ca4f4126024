"""Live news on the channel layer: ids and versions only, never content.

One group carries everything; each process subscribes once and hands the news to its own listeners,
so five hundred open desks cost one subscription. Each piece of news has a mark. Every process hears
the same order and keeps the latest, so a listener that was away goes on after the mark it heard
last, in whatever process; where that mark is not known any more it is told that it missed some.
"""

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from gateway.lib.layer import ChannelLayer

log = structlog.get_logger(__name__)
GROUP = "countersign.news"
WAITING_NEWS = 100
# How much is kept for listeners that come back; some hundred bytes each.
KEPT_NEWS = 2000
# The layer reconnects to Redis by itself, and says nothing of what was published meanwhile. Beats
# are numbered, and one is lost in every interruption: the layer pauses for a second after an error.
BEAT_S = 0.5
AGAIN_S = 1.0
# How long a listener that has just come waits for the subscription, before it is told how it is.
STANDING_S = 2.0
HERE, MISSED, LOST = "here", "missed", "lost"

News = dict[str, Any]


def publish(topic: str, news: News, *, and_to: str = "") -> None:
    """Tell every listener of the topic, and of a second one, once the transaction is committed.

    Losing news loses nothing: whoever listens reads the rows again after a pause.
    """
    topics = (topic, and_to) if and_to else (topic,)
    transaction.on_commit(lambda: _send(topics, news), robust=True)


def _send(topics: tuple[str, ...], news: News) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    messages = [
        {"type": "news", "topic": topic, "news": news, "mark": _new_mark()} for topic in topics
    ]
    try:
        if isinstance(layer, ChannelLayer):
            layer.group_send_at_once(GROUP, messages)
        else:
            async_to_sync(_send_each)(layer, messages)
    except Exception as error:  # whatever the layer's driver raises: news may be lost, work may not
        log.warning("news_lost", topic=topics[0], error=repr(error))


async def _send_each(layer: Any, messages: list[News]) -> None:
    for message in messages:
        await layer.group_send(GROUP, message)


def _new_mark() -> str:
    return uuid.uuid4().hex


def _word(kind: str, mark: str) -> News:
    """What the hub itself has to say to a listener, whatever the topic."""
    return {"kind": kind, "topic": "", "mark": mark}


class Listener(asyncio.Queue[News]):
    """What one listener has still to read; who reads too slowly is told so instead."""

    def __init__(self) -> None:
        super().__init__(WAITING_NEWS)

    def tell(self, news: News) -> None:
        """Put it at the end. Where there is no room, all of it becomes one word: missed."""
        if self.full():
            while not self.empty():
                self.get_nowait()
            kind = LOST if news["kind"] == LOST else MISSED
            news = _word(kind, news["mark"])
        self.put_nowait(news)


class Hub:
    """The listeners of one event loop, fed by one subscription that starts with the first."""

    def __init__(self) -> None:
        self.listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self.pump: asyncio.Task[None] | None = None
        self.stands = asyncio.Event()
        self.kept: deque[News] = deque(maxlen=KEPT_NEWS)
        self._begin_anew()

    @property
    def mark(self) -> str:
        """Where this process stands: of the last news it heard."""
        return str(self.kept[-1]["mark"])

    def add(self, topics: tuple[str, ...], *, since: str = "") -> Listener:
        """A queue that gets the news of these topics, beginning with those after the mark."""
        queue = Listener()
        for topic in topics:
            self.listeners[topic].add(queue)
        if self.pump is None or self.pump.done():
            self.pump = asyncio.ensure_future(self._pump())
        if since:
            for news in self._after(since):
                if news["topic"] in topics or news["kind"] == MISSED:
                    queue.tell(news)
        return queue

    def remove(self, queue: Listener, topics: tuple[str, ...]) -> None:
        """Forget a queue; the subscription ends with the last listener."""
        for topic in topics:
            self.listeners[topic].discard(queue)
            if not self.listeners[topic]:
                del self.listeners[topic]
        if not self.listeners and self.pump is not None:
            self.pump.cancel()
            self.pump = None
            self._begin_anew()

    def count(self, topic: str) -> int:
        """How many listen to a topic in this process."""
        return len(self.listeners.get(topic, ()))

    async def standing(self) -> bool:
        """Whether news arrive here, after a moment's patience."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stands.wait(), STANDING_S)
        return self.stands.is_set()

    def _after(self, mark: str) -> Iterator[News]:
        """What came after the mark; where that is unknown, only that something was missed."""
        known = list(self.kept)
        at = next((place for place, news in enumerate(known) if news["mark"] == mark), None)
        if at is None:
            return iter([_word(MISSED, self.mark)])
        return iter(known[at + 1 :])

    def _begin_anew(self) -> None:
        """Nothing older is known from here on."""
        self.stands.clear()
        self.kept.clear()
        self.kept.append(_word("", _new_mark()))

    def _tell_all(self, kind: str) -> None:
        """One word to every listener: some news did not reach this process, or none do."""
        self._begin_anew()
        word = _word(kind, self.mark)
        for queue in {queue for queues in self.listeners.values() for queue in queues}:
            queue.tell(word)

    async def _pump(self) -> None:
        while (layer := get_channel_layer()) is not None:
            try:
                await self._subscribed(layer)
            except Exception as error:  # whatever the layer's driver raises: it may come back
                log.warning("news_not_heard", error=repr(error))
            self._tell_all(LOST)
            await asyncio.sleep(AGAIN_S)

    async def _subscribed(self, layer: Any) -> None:
        """Hand out what comes; returns once nothing comes through any more."""
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        beating = asyncio.ensure_future(_beat(layer, channel))
        reading = asyncio.ensure_future(self._read(layer, channel))
        self.stands.set()
        try:
            await asyncio.wait({beating, reading}, return_when="FIRST_COMPLETED")
        finally:
            for task in (beating, reading):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
            with suppress(Exception):  # the layer may be gone already; nothing is owed to it
                await layer.group_discard(GROUP, channel)

    async def _read(self, layer: Any, channel: str) -> None:
        beats = 0
        while True:
            message = await layer.receive(channel)
            if message["type"] == "news":
                # Of the release before this one it has no mark.
                mark = message.get("mark") or _new_mark()
                self._hand_out({**message["news"], "topic": message["topic"], "mark": mark})
                continue
            beats += 1
            if message["number"] != beats:
                log.warning("news_missed", beats=message["number"] - beats)
                beats = message["number"]
                self._tell_all(MISSED)
                self.stands.set()

    def _hand_out(self, news: News) -> None:
        self.kept.append(news)
        for queue in self.listeners.get(news["topic"], ()):
            queue.tell(news)


async def _beat(layer: Any, channel: str) -> None:
    """Numbers to oneself; ends where the layer takes none any more."""
    number = 0
    while True:
        await asyncio.sleep(BEAT_S)
        number += 1
        try:
            await layer.send(channel, {"type": "beat", "number": number})
        except Exception as error:  # whatever the layer's driver raises
            log.warning("news_layer_away", error=repr(error))
            return


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    for old in [known for known in _hubs if known.is_closed()]:
        del _hubs[old]
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


async def follow(
    *topics: str, quiet_s: float = 15.0, since: str = ""
) -> AsyncGenerator[News | None, None]:
    """The news of these topics as they come, beginning with those after the mark `since`.

    First comes `here`, once the subscription stands or cannot be had for now; its mark is where the
    listener begins. None comes after every `quiet_s` seconds of silence. Both let a stream read the
    rows again, so lost news only delays. News of the kind `missed` say that some did not come
    through, of the kind `lost` that none do any more.
    """
    home = hub()
    begins = since or home.mark
    queue = home.add(topics, since=since)
    try:
        await home.standing()
        yield _word(HERE, begins)
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), quiet_s)
            except TimeoutError:
                yield None
    finally:
        home.remove(queue, topics)
