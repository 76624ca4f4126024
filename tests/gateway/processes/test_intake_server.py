"""The intake's own part of the server: time, and what is refused while something is at work."""

from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from gateway.processes.intake_server import Protocol
from gateway.processes.limits import LINGER_BYTES, RECEIVE_S

HEAD = b"POST /webhooks/a HTTP/1.1\r\nHost: a\r\nContent-Length: 90\r\n\r\n"


class Loop:
    """Tells the time that a test sets, and never starts anything."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def call_later(self, *_: Any) -> None:
        """Forget it."""

    def create_task(self, work: Any) -> Any:
        """A task that never begins."""
        work.close()
        return self

    def add_done_callback(self, _: Any) -> None:
        """It is never done."""


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_extra_info(self, _: str) -> None:
        return None


class Answering:
    """Answers webhooks at once."""

    def take(self, *_: Any, answer: Any, **__: Any) -> None:
        answer(b"answered")

    def wire(self, answer: bytes, *, is_last: bool) -> bytes:
        return answer


@pytest.fixture
def protocol() -> Protocol:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        """Never runs."""

    config = uvicorn.Config(application, http=Protocol, ws="none", log_config=None, lifespan="off")
    made = Protocol(config, ServerState(), {}, _loop=Loop())  # type: ignore[arg-type]
    made.connection_made(Transport())  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("start", [b"POST /webhooks/", HEAD], ids=["head", "body"])
def test_a_byte_every_ten_seconds_is_too_slow(protocol: Protocol, start: bytes) -> None:
    protocol.data_received(start)
    for _ in range(RECEIVE_S // 10):
        protocol.loop.now += 10
        protocol.data_received(b"O")
        protocol.check_time(protocol.loop.now)
        assert not protocol.transport.is_closed
    protocol.check_time(protocol.loop.now + 1)
    assert protocol.transport.is_closed


def test_a_request_that_is_there_may_take_its_time(protocol: Protocol) -> None:
    protocol.data_received(HEAD + b"x" * 90)
    protocol.check_time(10_000)
    assert not protocol.transport.is_closed


def test_a_connection_ends_when_no_other_webhook_comes(protocol: Protocol) -> None:
    protocol.app, protocol.is_known = Answering(), True  # type: ignore[assignment]
    for now in (0.0, 100.0):
        protocol.loop.now = now
        protocol.data_received(HEAD + b"x" * 90)
        protocol.check_time(now + protocol.timeout_keep_alive)
        assert not protocol.transport.is_closed
    assert protocol.transport.written == b"answered" * 2
    protocol.check_time(101.0 + protocol.timeout_keep_alive)
    assert protocol.transport.is_closed


def test_a_connection_on_which_a_webhook_comes_in_is_not_idle(protocol: Protocol) -> None:
    protocol.app, protocol.is_known = Answering(), True  # type: ignore[assignment]
    protocol.data_received(HEAD + b"x" * 90 + HEAD)
    protocol.check_time(1.0 + protocol.timeout_keep_alive)
    assert not protocol.transport.is_closed


def test_what_follows_a_whole_request_does_not_cost_its_answer(protocol: Protocol) -> None:
    protocol.data_received(HEAD + b"x" * 90)
    protocol.data_received(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert protocol.transport.written == b""
    assert not protocol.transport.is_closed
    assert not protocol.cycle.keep_alive


def test_a_body_that_breaks_off_in_nonsense_is_refused_at_once(protocol: Protocol) -> None:
    start = b"POST /webhooks/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    protocol.data_received(start)
    protocol.data_received(b"zz\r\n")
    assert protocol.transport.written.startswith(b"HTTP/1.1 400 ")
    assert protocol.cycle.disconnected


def test_a_refused_connection_is_not_read_without_end(protocol: Protocol) -> None:
    protocol.data_received(b"\x16\x03\x01\r\n\r\n")
    for _ in range(LINGER_BYTES // 1_000_000 + 1):
        protocol.data_received(b"x" * 1_000_000)
    assert protocol.transport.is_closed
    assert protocol.transport.written.count(b"HTTP/1.1 400 ") == 1
