"""An intake process sends each answer in one piece, in order, and leaves the rest to uvicorn."""

import asyncio
from typing import Any

import pytest
import uvicorn

from gateway.lib.extensions import WHOLE
from gateway.processes.whole_answers import WholeAnswers, write

REQUEST = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
LAST = REQUEST.replace(b"Host: a", b"Host: a\r\nConnection: close")
ANSWER = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was sent, whole where the server takes it."""
    body = (await receive())["body"]
    if scope["extensions"][WHOLE](ANSWER + body):
        return
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def talk(requests: bytes, *, answers: int) -> bytes:
    """What a started server says to these requests, sent at once."""
    config = uvicorn.Config(application, http=WholeAnswers, log_config=None, lifespan="off")
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    loop = asyncio.get_running_loop()
    state = {"config": config, "server_state": server.server_state, "app_state": {}}
    listening = await loop.create_server(lambda: WholeAnswers(**state), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    writer.write(requests)
    got = b""
    while got.count(b"hi") < answers:
        got += await asyncio.wait_for(reader.read(1000), 5)
    writer.close()
    listening.close()
    return got


@pytest.mark.parametrize("count", [1, 3])
def test_pipelined_requests_get_whole_answers_in_order(count):
    assert asyncio.run(talk(REQUEST * count, answers=count)) == (ANSWER + b"hi") * count


def test_the_last_answer_of_a_connection_is_uvicorns_to_end():
    got = asyncio.run(talk(REQUEST + LAST, answers=2))

    assert got.startswith(ANSWER + b"hiHTTP/1.1 200 OK")
    assert b"connection: close\r\n" in got


class Cycle:
    """A request whose sender went away."""

    keep_alive, disconnected = True, True


def test_nothing_is_written_to_who_is_gone():
    assert write(Cycle(), ANSWER) is False
