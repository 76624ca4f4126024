"""The ASGI application in front of Django, and `receive`, which it shares with Django's view."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import structlog
from django.conf import settings

from gateway.lib import ids
from gateway.lib.failpoints import Point, reach
from webhooks.ingest.answers import (
    HERE,
    TOO_LARGE,
    TOO_LARGE_TO_READ,
    WRONG_METHOD,
    Answer,
    acknowledgement,
    handshake,
    refusal,
    wire,
)
from webhooks.ingest.arrival import Arrival
from webhooks.ingest.bell import Bell
from webhooks.ingest.client import client_address
from webhooks.ingest.group import Group
from webhooks.ingest.judge import Incoming, Rejected, check_form, greet, judge
from webhooks.ingest.lines import Lines
from webhooks.ingest.reading import ROOM_BYTES, Reader, Receive, Room
from webhooks.ingest.sources import Entry, SourceMap
from webhooks.ingest.stores import make_store
from webhooks.ingest.tally import Tally, try_write
from webhooks.models import Event
from webhooks.schemes.handshakes import Reply
from webhooks.schemes.reasons import Reason
from webhooks.schemes.verifier import Header

log = structlog.get_logger(__name__)
PREFIX = "/webhooks/"
FLUSH_S = 1.0
# Refusals wait for a reading of the sources; more than this many are answered at once.
MAX_WAITING = 1000
# Many senders give up after five seconds, and then know nothing. A pool without a connection to
# give waits for thirty.
READ_WITHIN_S = 4.0
# How long, and how far, a body that is refused for its size is read on after the answer.
LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


class Intake:
    """Receives webhooks in one process; everything it needs starts with the first delivery."""

    def __init__(self) -> None:
        # A thread each, and with it a connection of Django's: writing counts may wait for a lock.
        self.reader = ThreadPoolExecutor(1, "intake-sources")
        self.counter = ThreadPoolExecutor(1, "intake-counts")
        self.sources = SourceMap(self.reader)
        self.group = Group(make_store(), Bell())
        self.tally = Tally()
        self.lines = Lines()
        self.max_body_bytes: int = settings.MAX_BODY_BYTES
        self.room = Room(max(ROOM_BYTES, self.max_body_bytes))
        self.waiting = 0
        self.flushing: asyncio.TimerHandle | None = None
        # One at a time: what comes meanwhile stays in the one tally whose keys are bounded.
        self.counting = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request to `/webhooks/…`, or the server's start and stop."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            answer = await self._serve(scope, receive)
            if answer is TOO_LARGE_TO_READ:
                await _send_and_linger(send, receive, answer)
            elif answer is not None:
                await _send(send, answer)

    async def _serve(self, scope: Message, receive: Receive) -> Answer | None:
        headers = scope["headers"]
        address = scope["path"].removeprefix(PREFIX).removesuffix("/")
        if scope["method"] != "POST":
            return await self._greeted(scope, address)
        with Reader(self.room, limit=self.max_body_bytes) as reader:
            try:
                fields = dict(headers)
                self._check(headers, fields)
                body = await reader.read(receive, headers)
            except Rejected as rejected:
                answer = self._refused(self.sources.entries.get(address), rejected.reason)
                return TOO_LARGE_TO_READ if answer is TOO_LARGE else answer
            if body is None:
                return None
            if len(body) > self.max_body_bytes:
                return self._refused(self.sources.entries.get(address), Reason.TOO_LARGE)
            client = client_address(scope.get("client"), headers)
            query = scope.get("query_string", b"")
            return await self.receive(address, Incoming(headers, fields, body, client, query))

    def _check(self, headers: Sequence[Header], fields: Mapping[bytes, bytes]) -> None:
        """What can be refused by the head alone, for every address alike; raises Rejected."""
        check_form(headers, fields, max_body_bytes=self.max_body_bytes)
        if self.group.is_full:
            raise Rejected(Reason.OVERLOADED)

    def take(
        self,
        path: str,
        headers: Sequence[Header],
        body: bytes,
        *,
        fields: Mapping[bytes, bytes],
        query: bytes,
        peer: Sequence[object] | None,
        answer: Callable[[Answer], None],
    ) -> Coroutine[Any, Any, Answer] | None:
        """A whole POST from a server that knows us, without ASGI's messages in between.

        `answer` is called now or once the delivery is stored; where that has to wait for a reading
        of the sources, what gives the answer is returned instead.
        """
        begun = time.monotonic()
        address = path.removeprefix(PREFIX).removesuffix("/")
        try:
            self._check(headers, fields)
            if len(body) > self.max_body_bytes:
                raise Rejected(Reason.TOO_LARGE)
            incoming = Incoming(headers, fields, body, client_address(peer, headers), query)
            found = self._judged_at_once(address, incoming)
        except Rejected as rejected:
            answer(self._refused(self.sources.entries.get(address), rejected.reason))
            return None
        if found is None:
            return self.receive(address, incoming, is_judged=True)
        if isinstance(found, Reply):
            answer(handshake(found))
            return None
        self.group.add(found, lambda arrival: answer(self._stored(arrival, begun)))
        return None

    # How such a server writes what `take` answers.
    wire = staticmethod(wire)

    async def _greeted(self, scope: Message, address: str) -> Answer:
        """The answer to a GET handshake; anything else but a POST has no meaning here."""
        if scope["method"] == "HEAD":
            return HERE
        if scope["method"] != "GET":
            return WRONG_METHOD
        try:
            await self._read_sources(time.monotonic())
        except Rejected as rejected:
            return refusal(rejected.reason)
        reply = greet(self.sources.entries.get(address), scope.get("query_string", b""))
        return handshake(reply) if reply else WRONG_METHOD

    async def receive(self, address: str, incoming: Incoming, *, is_judged: bool = False) -> Answer:
        """Verify one delivery, store it with whatever else arrived, and say what to answer.

        `is_judged`: the sources in memory were asked already, as far as they are fresh.
        """
        begun = time.monotonic()
        try:
            found = None if is_judged else self._judged_at_once(address, incoming)
            arrival = found or await self._judged_anew(address, incoming, begun=begun)
            if isinstance(arrival, Reply):
                return handshake(arrival)
            # Those that came together passed the first look at the list together.
            if self.group.is_full:
                raise Rejected(Reason.OVERLOADED)
        except Rejected as rejected:
            return self._refused(self.sources.entries.get(address), rejected.reason)
        await self.group.store_one(arrival)
        return self._stored(arrival, begun)

    def _judged_at_once(self, address: str, incoming: Incoming) -> Arrival | Reply | None:
        """Judged by the sources in memory; None where that needs a reading of them first."""
        reach(Point.BODY_READ)
        if not self.sources.is_fresh:
            return None
        try:
            return judge(self.sources.entries.get(address), incoming)
        except Rejected as rejected:
            if rejected.final or self.waiting >= MAX_WAITING:
                raise
        return None

    async def _judged_anew(
        self, address: str, incoming: Incoming, *, begun: float
    ) -> Arrival | Reply:
        """The arrival, judged by sources that were read since: no refusal goes by older ones."""
        await self._read_sources(begun)
        entry = self.sources.entries.get(address)
        try:
            return judge(entry, incoming)
        except Rejected as rejected:
            if entry is not None and rejected.wanted:
                self.tally.want(entry.source_id, rejected.wanted)
                self._flush_soon()
            raise

    async def _read_sources(self, since: float) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await self.sources.read_since(since)
        except Exception as error:  # whatever the database's driver raises, or nothing in time
            log.error("sources_unreadable", error=repr(error))
            raise Rejected(Reason.STORAGE) from error
        finally:
            self.waiting -= 1

    def _refused(self, entry: Entry | None, reason: Reason) -> Answer:
        answer = refusal(reason)
        self.tally.refused[entry.source_id if entry else None, reason] += 1
        self._flush_soon()
        source = entry.public_id if entry else ""
        self.lines.refused(source, status=answer.status, reason=reason)
        return answer

    def _stored(self, arrival: Arrival, begun: float) -> Answer:
        entry, event, outcome = arrival.entry, arrival.public_id, arrival.outcome
        if outcome is None:
            return self._refused(entry, Reason.STORAGE)
        if arrival.existing is not None:
            event = ids.encode(Event.PREFIX, arrival.existing)
            self.tally.copy_of(arrival.existing)
        now = time.time()
        self.tally.used[arrival.secret_id] = now
        self.tally.heard[entry.source_id] = now
        self._flush_soon()
        answer = acknowledgement(
            outcome,
            event,
            correlation_id=arrival.correlation_id,
            status=entry.success_status,
        )
        self.lines.stored(
            entry.public_id,
            event,
            outcome=outcome,
            status=answer.status,
            correlation_id=arrival.correlation_id,
            ms=(time.monotonic() - begun) * 1000,
        )
        return answer

    def _flush_soon(self) -> None:
        if self.flushing is None:
            loop = asyncio.get_running_loop()
            self.flushing = loop.call_later(FLUSH_S, lambda: asyncio.ensure_future(self.flush()))

    async def flush(self) -> None:
        """Write the counts; what cannot be written now is kept for the next time."""
        async with self.counting:
            self.flushing = None
            tally, self.tally = self.tally, Tally()
            loop = asyncio.get_running_loop()
            if tally and not await loop.run_in_executor(self.counter, try_write, tally):
                self.tally.add(tally)
                self._flush_soon()

    async def _live(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
        await self.flush()
        await self.group.store.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _send(send: Send, answer: Answer, *, is_complete: bool = True) -> None:
    length = (b"content-length", b"%d" % len(answer.body))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [*answer.headers, length],
        }
    )
    await send({"type": "http.response.body", "body": answer.body, "more_body": not is_complete})


async def _send_and_linger(send: Send, receive: Receive, answer: Answer) -> None:
    """Answer, then read on for a moment: a connection closed on unread bytes is reset, and the
    sender, still busy sending, might never see the answer (RFC 9112, section 9.6)."""
    await _send(send, answer, is_complete=False)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            await _discard(receive, LINGER_BYTES)
    await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive, limit: int) -> None:
    while limit > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return
        limit -= len(message.get("body", b""))
