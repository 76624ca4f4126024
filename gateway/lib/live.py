"""Live news on the channel layer: ids and versions only, never content.

One group carries everything; each process subscribes once and hands the news to its own listeners,
so five hundred open desks cost one subscription.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger(__name__)
GROUP = "countersign.news"
WAITING_NEWS = 100

News = dict[str, Any]


def publish(topic: str, news: News) -> None:
    """Tell every listener of the topic once the current transaction is committed.

    Losing news loses nothing: whoever listens reads the rows again after a pause.
    """
    transaction.on_commit(lambda: _send(topic, news), robust=True)


def _send(topic: str, news: News) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "news", "topic": topic, "news": news}
    try:
        async_to_sync(layer.group_send)(GROUP, message)
    except Exception as error:  # whatever the layer's driver raises: news may be lost, work may not
        log.warning("news_lost", topic=topic, error=repr(error))


class Hub:
    """The listeners of one event loop, fed by one subscription that starts with the first."""

    def __init__(self) -> None:
        self.listeners: defaultdict[str, set[asyncio.Queue[News]]] = defaultdict(set)
        self.pump: asyncio.Task[None] | None = None

    def add(self, topics: tuple[str, ...]) -> "asyncio.Queue[News]":
        """A queue that gets the news of these topics."""
        queue: asyncio.Queue[News] = asyncio.Queue(WAITING_NEWS)
        for topic in topics:
            self.listeners[topic].add(queue)
        if self.pump is None or self.pump.done():
            self.pump = asyncio.ensure_future(self._pump())
        return queue

    def remove(self, queue: "asyncio.Queue[News]", topics: tuple[str, ...]) -> None:
        """Forget a queue; the subscription ends with the last listener."""
        for topic in topics:
            self.listeners[topic].discard(queue)
            if not self.listeners[topic]:
                del self.listeners[topic]
        if not self.listeners and self.pump is not None:
            self.pump.cancel()
            self.pump = None

    async def _pump(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            return
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        try:
            while True:
                message = await layer.receive(channel)
                self._hand_out(message["topic"], message["news"])
        finally:
            with suppress(Exception):  # the layer may be gone already; nothing is owed to it
                await layer.group_discard(GROUP, channel)

    def _hand_out(self, topic: str, news: News) -> None:
        for queue in self.listeners.get(topic, ()):
            with suppress(asyncio.QueueFull):  # a slow listener reads the rows when it comes back
                queue.put_nowait({"topic": topic, **news})


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    for old in [known for known in _hubs if known.is_closed()]:
        del _hubs[old]
    return _hubs.setdefault(loop, Hub())


async def follow(*topics: str, quiet_s: float = 15.0) -> AsyncGenerator[News | None, None]:
    """The news of these topics as they come; None after every `quiet_s` seconds of silence.

    The None lets a stream send a heartbeat and read the rows again, so lost news only delays.
    """
    home = hub()
    queue = home.add(topics)
    try:
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), quiet_s)
            except TimeoutError:
                yield None
    finally:
        home.remove(queue, topics)
