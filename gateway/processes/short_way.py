"""The short way of a webhook through uvicorn: from the parser to the intake and back, in one step.

ASGI describes a request and an answer in dictionaries, hands a body over in messages, and checks an
answer header by header: a fifth of what an intake process spends on a webhook. A POST to a webhook
whose body is short and of known length goes past all that. Everything else takes uvicorn's way, and
so does whatever a sender pipelines behind a request that is not answered yet.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.processes.limits import WEBHOOKS

log = logging.getLogger(__name__)
MAX_SHORT_BYTES = 64 * 1024
SHORT_DIGITS = len(str(MAX_SHORT_BYTES))
METHOD = b"POST"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Application(Protocol):
    """What takes whole requests, beside being an ASGI application."""

    def take(
        self, path: str, headers: Any, body: bytes, *, fields: dict[bytes, bytes], query: bytes,
        peer: Any, answer: Callable[[Any], None],
    ) -> Coroutine[Any, Any, Any] | None:  # fmt: skip
        """Have a whole POST answered by a call of `answer`, or return what gives its answer.

        `fields` are the headers by name, the last of those that are there twice.
        """

    def wire(self, answer: Any, *, is_last: bool) -> bytes:
        """The answer as it travels."""


class Short:
    """A request on the short way, in the place of uvicorn's cycle, which others ask about it."""

    __slots__ = (
        "body", "disconnected", "fields", "headers", "keep_alive", "more_body", "path", "query",
        "response_complete", "response_started",
    )  # fmt: skip

    def __init__(self, path: str, query: bytes, headers: Any, fields: dict[bytes, bytes]) -> None:
        self.path = path
        self.query = query
        self.headers = headers
        self.fields = fields
        self.body = b""
        self.keep_alive = True
        self.more_body = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    @property
    def message_event(self) -> "Short":
        """Nobody waits for messages here."""
        return self

    def set(self) -> None:
        """What an event would do."""


class ShortWay(HttpToolsProtocol):
    """Answers short webhooks by itself, all else as uvicorn does."""

    # Whether the application is one that takes whole requests.
    is_known = False
    # When the last answer of the short way was sent, until the next request begins. The server
    # looks for those that wait too long: uvicorn's timer for each answer would cost more.
    idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin with a connection."""
        super().connection_made(transport)
        self.is_known = hasattr(self.app, "take")

    def on_message_begin(self) -> None:
        """Begin with a request, whose scope is made only where somebody reads it."""
        self.url = b""
        self.headers = []
        self.idle_since = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. What uvicorn looks for in it, it looks for in `_describe`."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Choose the way of the request whose head is there."""
        if short := self._short():
            self.cycle = short  # type: ignore[assignment]
        else:
            self._describe()
            super().on_headers_complete()

    def _describe(self) -> None:
        """Have uvicorn make its scope, now that it is needed."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)

    def _short(self) -> Short | None:
        cycle, url = self.cycle, self.url
        if cycle is not None and not cycle.response_complete:
            return None  # pipelined: uvicorn keeps the order
        if not (self.is_known and url.startswith(WEBHOOKS)) or b"%" in url or b"#" in url:
            return None
        if self.parser.get_method() != METHOD or not self.parser.should_keep_alive():
            return None
        fields = dict(self.headers)
        if b"expect" in fields or b"upgrade" in fields or b"transfer-encoding" in fields:
            return None
        length = fields.get(b"content-length", b"")
        # Leading zeros are lawful, and say nothing to whoever looks at the first digits only.
        if not length.isdigit() or len(length) > SHORT_DIGITS or int(length) > MAX_SHORT_BYTES:
            return None
        path, _, query = url.partition(b"?")
        return Short(path.decode("latin-1"), query, self.headers, fields)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        cycle: Any = self.cycle
        if type(cycle) is Short:
            cycle.body = cycle.body + body if cycle.body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand a whole request over."""
        cycle: Any = self.cycle
        if type(cycle) is Short and cycle.more_body:
            cycle.more_body = False
            self._take(cycle)
        else:
            super().on_message_complete()

    def _take(self, short: Short) -> None:
        application: Application = self.app  # type: ignore[assignment]
        try:
            later = application.take(
                short.path, short.headers, short.body, fields=short.fields, query=short.query,
                peer=self.client, answer=partial(self._answer, short),
            )  # fmt: skip
        except Exception:  # as uvicorn: whatever it is, the sender gets an answer
            self._fail(short)
        else:
            if later is not None:
                self._follow(self._answer_later(short, later))

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer_later(self, short: Short, later: Coroutine[Any, Any, Any]) -> None:
        try:
            answer = await later
        except Exception:  # as above
            self._fail(short)
        else:
            self._answer(short, answer)

    def _fail(self, short: Short) -> None:
        log.exception("the intake failed")
        short.keep_alive = False
        self._send(short, FAILED)

    def _answer(self, short: Short, answer: Any) -> None:
        application: Application = self.app  # type: ignore[assignment]
        self._send(short, application.wire(answer, is_last=not short.keep_alive))

    def _send(self, short: Short, data: bytes) -> None:
        if self.flow.write_paused:
            # Who sends on without reading waits; else its answers would fill our memory.
            self._follow(self._send_when_read(short, data))
        elif not (short.disconnected or self.transport.is_closing()):
            short.response_started = short.response_complete = True
            self.transport.write(data)
            if not short.keep_alive:
                self.transport.close()
            if self.pipeline or self.transport.is_closing():
                self.on_response_complete()
            else:
                self.server_state.total_requests += 1
                self.idle_since = self.loop.time()

    async def _send_when_read(self, short: Short, data: bytes) -> None:
        await self.flow.drain()
        self._send(short, data)
