"""Answers of an intake process leave in one piece, and none is held back."""

import asyncio

import pytest
import uvicorn

from gateway.processes.whole_answers import HeldTransport, WholeAnswers

REQUEST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"


class Wire:
    """What a transport was given, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.is_closed = True


def test_a_head_waits_for_its_body():
    async def scene() -> list[bytes]:
        wire = Wire()
        held = HeldTransport(wire, asyncio.get_running_loop())
        held.write(b"HTTP/1.1 200 OK\r\n\r\n")
        held.write(b"body")
        held.write(b"more")
        await asyncio.sleep(0)
        return wire.pieces

    assert asyncio.run(scene()) == [b"HTTP/1.1 200 OK\r\n\r\nbody", b"more"]


def test_a_head_without_a_body_leaves_in_the_next_turn():
    async def scene() -> list[bytes]:
        wire = Wire()
        HeldTransport(wire, asyncio.get_running_loop()).write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.sleep(0)
        return wire.pieces

    assert asyncio.run(scene()) == [b"HTTP/1.1 200 OK\r\n\r\n"]


def test_closing_sends_what_was_held():
    async def scene() -> Wire:
        wire = Wire()
        held = HeldTransport(wire, asyncio.get_running_loop())
        held.write(b"HTTP/1.1 413 x\r\n\r\n")
        held.close()
        return wire

    wire = asyncio.run(scene())
    assert (wire.pieces, wire.is_closed) == ([b"HTTP/1.1 413 x\r\n\r\n"], True)


async def application(scope, receive, send):
    """Answers with what it was sent."""
    body = (await receive())["body"]
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize("count", [1, 3])
def test_a_real_server_answers_pipelined_requests_in_order(count):
    async def scene() -> bytes:
        config = uvicorn.Config(application, http=WholeAnswers, log_config=None, lifespan="off")
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        loop = asyncio.get_running_loop()
        state = {"config": config, "server_state": server.server_state, "app_state": {}}
        listening = await loop.create_server(lambda: WholeAnswers(**state), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(REQUEST * count)
        got = b""
        while got.count(b"hi") < count:
            got += await asyncio.wait_for(reader.read(1000), 5)
        writer.close()
        listening.close()
        return got

    answer = asyncio.run(scene())
    assert answer.count(b"HTTP/1.1 200 OK") == count
    assert answer.endswith(b"\r\n\r\nhi")
