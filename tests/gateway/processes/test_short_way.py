"""The short way of a webhook: same answers, in order, and everything else takes uvicorn's way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from gateway.processes.short_way import MAX_SHORT_BYTES, ShortWay
from webhooks.ingest.answers import JSON, Answer, wire

BODY = b'{"n":1}'


class Application:
    """Says which way a request came: at once, or if it `waits` once `open` lets it."""

    def __init__(self, *, waits: bool = True) -> None:
        self.waits = waits
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False

    def take(
        self, path: str, _: Any, body: bytes, *, answer: Callable[[Answer], None], **__: Any
    ) -> Coroutine[Any, Any, Answer] | None:
        if self.waits:
            return self._later(path, body)
        answer(self._answer(path, body))
        return None

    async def _later(self, path: str, body: bytes) -> Answer:
        await self.open.wait()
        return self._answer(path, body)

    def _answer(self, path: str, body: bytes) -> Answer:
        if self.fails:
            raise RuntimeError("planted")
        return Answer(202, b"short %b %b" % (path.encode(), body), [JSON])

    wire = staticmethod(wire)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        text = b"asgi %b %d" % (scope["path"].encode(), len(body))
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})


def post(path: bytes = b"/webhooks/a", body: bytes = BODY, *extra: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in extra)
    length = (
        b"" if b"Transfer-Encoding: chunked" in extra else b"Content-Length: %d\r\n" % len(body)
    )
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%b%b\r\n%b" % (path, length, head, body)


@asynccontextmanager
async def connection(application: Application) -> AsyncIterator[tuple[Any, Any, Any]]:
    """A connection to a started server, and the server's state."""
    config = uvicorn.Config(
        application, http=ShortWay, log_config=None, lifespan="off", proxy_headers=False
    )  # type: ignore[arg-type]
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    state = {"config": config, "server_state": server.server_state, "app_state": {}}
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: ShortWay(**state), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    try:
        yield reader, writer, server.server_state
    finally:
        writer.close()
        listening.close()


async def until(reader: asyncio.StreamReader, text: bytes) -> bytes:
    got = b""
    while text not in got:
        piece = await asyncio.wait_for(reader.read(100_000), 5)
        if not piece:
            return got
        got += piece
    return got


def said(request: bytes, *, last: bytes, application: Application | None = None) -> bytes:
    async def scene() -> bytes:
        async with connection(application or Application()) as (reader, writer, _):
            writer.write(request)
            return await until(reader, last)

    return asyncio.run(scene())


@pytest.fixture(params=[True, False], ids=["later", "at-once"])
def application(request) -> Application:
    return Application(waits=request.param)


def test_a_short_webhook_goes_the_short_way(application):
    answer = said(post(b"/webhooks/a?x=1"), last=BODY, application=application)

    assert answer.startswith(b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\n")
    assert answer.endswith(b"\r\n\r\nshort /webhooks/a " + BODY)


def test_a_body_in_pieces_is_put_together():
    async def scene() -> bytes:
        async with connection(Application()) as (reader, writer, _):
            request = post(body=b"abcdef")
            for piece in (request[:20], request[20:-4], request[-4:-2], request[-2:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            return await until(reader, b"abcdef")

    assert asyncio.run(scene()).endswith(b"short /webhooks/a abcdef")


@pytest.mark.parametrize(
    "request_",
    [
        post(b"/healthz"),
        post(b"/webhooks/%61"),
        post(body=b"x" * (MAX_SHORT_BYTES + 1)),
        post(b"/webhooks/a", b"2\r\nhi\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        post(b"/webhooks/a", BODY, b"Connection: close"),
        post().replace(b"POST", b"PUT"),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["elsewhere", "escaped", "large", "chunked", "last", "other method", "old version"],
)
def test_everything_else_takes_the_usual_way(request_):
    assert b"asgi /" in said(request_, last=b"asgi ")


def test_pipelined_requests_are_answered_in_order():
    async def scene() -> bytes:
        application = Application()
        application.open.clear()
        async with connection(application) as (reader, writer, _):
            writer.write(post(b"/webhooks/1") + post(b"/webhooks/2") + post(b"/webhooks/3"))
            await writer.drain()
            asyncio.get_running_loop().call_later(0.05, application.open.set)
            got = await until(reader, b"/webhooks/3")
            writer.write(post(b"/webhooks/4"))
            return got + await until(reader, b"/webhooks/4")

    got = asyncio.run(scene())
    places = [got.index(b"/webhooks/%d" % number) for number in (1, 2, 3, 4)]
    assert places == sorted(places)
    assert got.count(b"HTTP/1.1 ") == 4
    assert b"short /webhooks/4" in got


def test_a_failure_of_ours_is_an_answer_and_the_connections_end(application):
    application.fails = True

    answer = said(post(), last=b"never said", application=application)

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"connection: close\r\n\r\n")


def test_stopping_waits_for_the_answer_and_ends_the_connection():
    async def scene() -> bytes:
        application = Application()
        application.open.clear()
        async with connection(application) as (reader, writer, state):
            writer.write(post())
            while not state.tasks:
                await asyncio.sleep(0)
            for protocol in list(state.connections):
                protocol.shutdown()
            application.open.set()
            return await asyncio.wait_for(reader.read(), 5)

    answer = asyncio.run(scene())
    assert b"short /webhooks/a" in answer
    assert b"connection: close\r\n" in answer


def test_a_sender_that_does_not_read_waits_for_its_next_answer(application):
    async def scene() -> tuple[bool, bytes]:
        async with connection(application) as (reader, writer, state):
            while not state.connections:
                await asyncio.sleep(0)
            (protocol,) = state.connections
            protocol.flow.pause_writing()  # as the transport does when its buffer is full
            writer.write(post())
            while not state.tasks:
                await asyncio.sleep(0)
            for _ in range(5):
                await asyncio.sleep(0)
            is_waiting = bool(state.tasks) and not protocol.transport.get_write_buffer_size()
            protocol.flow.resume_writing()
            return is_waiting, await until(reader, BODY)

    is_waiting, answer = asyncio.run(scene())
    assert is_waiting
    assert b"short /webhooks/a" in answer


def test_webhooks_that_are_answered_at_once_keep_their_order():
    requests = [post(b"/webhooks/%d" % number) for number in (1, 2, 3)]
    got = said(b"".join(requests), last=b"/webhooks/3", application=Application(waits=False))

    assert got.count(b"HTTP/1.1 202 ") == 3
    assert got.index(b"/webhooks/1") < got.index(b"/webhooks/2") < got.index(b"/webhooks/3")


def test_a_sender_that_goes_away_is_not_written_to():
    async def scene() -> int:
        application = Application()
        application.open.clear()
        async with connection(application) as (_, writer, state):
            writer.write(post())
            while not state.tasks:
                await asyncio.sleep(0)
            writer.transport.abort()
            while state.connections:
                await asyncio.sleep(0)
            application.open.set()
            while state.tasks:
                await asyncio.sleep(0)
            return state.total_requests

    assert asyncio.run(scene()) == 0
