"""uvicorn with limits of ours: it has none for headers, and none for the time a client takes.

Bodies are limited by the application, which reads them piece by piece and stops.
"""

import asyncio
from typing import Any

import uvicorn

from gateway.processes.limits import (
    BAD_REQUEST,
    HEAD_TOO_LARGE,
    LINGER_BYTES,
    LINGER_S,
    MAX_HEAD_BYTES,
    NOT_IN_HEADERS,
    RECEIVE_S,
)
from gateway.processes.short_way import ShortWay

TICKS_PER_S = 10
VERSIONS = frozenset({"1.1", "1.0"})


class BadHead(ValueError):
    """Ends the parsing of a request whose head is not acceptable."""


class Protocol(ShortWay):
    """One connection. Costs next to nothing for requests that are in order."""

    # When the request that is coming in, or the connection, began; None while nothing is awaited.
    since: float | None = None
    # Bytes that arrived since the head began; more than the head where a body came with it.
    arrived = 0
    is_in_head = True
    is_head_large = False
    is_refused = False
    discarded = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            self._discard(len(data))
            return
        if self.is_in_head:
            self.arrived += len(data)
        super().data_received(data)
        if self.is_in_head and self.arrived > MAX_HEAD_BYTES:
            self.is_head_large = True
            self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.since = self.loop.time()

    def on_headers_complete(self) -> None:
        values = b"".join([value for _, value in self.headers])
        if len(values.translate(None, NOT_IN_HEADERS)) != len(values):
            raise BadHead
        if self.arrived > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            self.is_head_large = True
            raise BadHead
        if self.parser.get_http_version() not in VERSIONS:
            raise BadHead
        self.is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.since = None
        self.arrived = 0
        self.is_in_head = True
        super().on_message_complete()

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def send_400_response(self, msg: str) -> None:
        """Refuse what arrives: the one place where uvicorn answers by itself."""
        if self.is_refused:
            return
        self.is_refused = True
        self.since = None
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body:
                # What came before is in order, and gets its answer.
                cycle.keep_alive = False
                return
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(HEAD_TOO_LARGE if self.is_head_large else BAD_REQUEST)
        self.loop.call_later(LINGER_S, self.transport.close)

    def _discard(self, count: int) -> None:
        self.discarded += count
        if self.discarded > LINGER_BYTES:
            self.transport.close()

    def check_time(self, now: float) -> None:
        """End the connection where its request took too long to come in, or none came."""
        is_slow = self.since is not None and now - self.since > RECEIVE_S
        is_idle = self.idle_since is not None and now - self.idle_since > self.timeout_keep_alive
        if is_slow or is_idle:
            self.transport.close()


class Server(uvicorn.Server):
    """Looks for slow and idle clients once a second: a timer for each request costs more."""

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_PER_S == 0:
            now = asyncio.get_running_loop().time()
            for protocol in list(self.server_state.connections):
                if isinstance(protocol, Protocol):
                    protocol.check_time(now)
        return await super().on_tick(counter)


def server(**options: Any) -> Server:
    """The server for these of uvicorn's options."""
    return Server(uvicorn.Config(http=Protocol, **options))
