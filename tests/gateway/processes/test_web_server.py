"""The web process's own part of the server: time, and what an end of the process meets."""

import asyncio
from types import SimpleNamespace
from typing import Any

import daphne.server
import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from gateway.processes import web_server
from gateway.processes.limits import LINGER_BYTES, LINGER_S, RECEIVE_S
from gateway.processes.web_server import Channel, Server

HEAD = b"POST /webhooks/a HTTP/1.1\r\nHost: a\r\nContent-Length: "


class Transport(StringTransport):
    """One of TCP, of which one half can be closed."""

    is_half_closed = False

    def loseWriteConnection(self) -> None:
        self.is_half_closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(clock: Clock) -> Channel:
    made = Channel()
    made.callLater = clock.callLater
    made.timeOut = RECEIVE_S
    server = SimpleNamespace(
        protocol_connected=lambda _: None, protocol_disconnected=lambda _: None
    )
    made.factory = SimpleNamespace(server=server)
    made.makeConnection(Transport())
    return made


@pytest.mark.parametrize("start", [b"", HEAD + b"90\r\n\r\n"], ids=["head", "body"])
def test_a_byte_every_ten_seconds_is_too_slow(channel: Channel, clock: Clock, start: bytes) -> None:
    channel.dataReceived(start)
    for _ in range(RECEIVE_S // 10 - 1):
        clock.advance(10)
        channel.dataReceived(b"x")
        assert not channel.transport.disconnecting
    clock.advance(10)
    assert channel.transport.disconnecting


def test_a_connection_that_waited_has_the_whole_time_for_its_first_request(
    channel: Channel, clock: Clock
) -> None:
    clock.advance(RECEIVE_S - 1)
    channel.dataReceived(b"P")
    clock.advance(RECEIVE_S - 1)
    assert not channel.transport.disconnecting


def test_a_refused_connection_is_read_on_for_a_moment_only(channel: Channel, clock: Clock) -> None:
    channel.dataReceived(HEAD + b"99999999\r\n\r\n")
    assert channel.transport.value().startswith(b"HTTP/1.1 413 ")
    assert channel.transport.is_half_closed
    for _ in range(4):
        channel.dataReceived(b"x" * 1000)
        clock.advance(LINGER_S / 4)
    assert channel.transport.disconnecting
    assert channel.transport.value().count(b"HTTP/1.1") == 1


def test_a_refused_connection_is_not_read_without_end(channel: Channel) -> None:
    channel.dataReceived(HEAD + b"99999999\r\n\r\n")
    for _ in range(LINGER_BYTES // 1_000_000 + 1):
        channel.dataReceived(b"x" * 1_000_000)
    assert channel.transport.disconnecting


def test_limit_of_other_pages_is_the_larger_of_those_configured(settings: Any) -> None:
    settings.MAX_BODY_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10, 20
    assert web_server.max_body_bytes(b"/webhooks/a") == 10
    assert web_server.max_body_bytes(b"/api/v1/actions") == 20


def test_end_of_the_process_meets_connections_without_an_application() -> None:
    server = Server(None, endpoints=["tcp:0"])
    loop = asyncio.new_event_loop()
    at_work = loop.create_future()
    server.connections = {"slow": {"connected": 0}, "busy": {"application_instance": at_work}}

    async def end() -> None:
        await server.kill_all_applications().asFuture(loop)

    loop.run_until_complete(end())
    loop.close()
    assert at_work.cancelled()
    assert isinstance(server, daphne.server.Server)
