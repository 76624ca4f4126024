"""Services at their worst: each ends in one answer or one error, which says what may have happened.

The service notes an effect when it has read the request: then `may_have_happened` has to be true.
"""

import socket
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus
from gateway.connectors.calls import perform
from gateway.http.errors import OutsideError
from gateway.http.limits import Account, Limits
from gateway.http.messages import Request
from gateway.http.status import refused
from gateway.http.turnstile import Turnstile
from gateway.lib import shared
from tests.gateway.http.making import Sleeper, make

Respond = Callable[..., Any]
Script = Callable[[Any, socket.socket], None]
# Long for a machine that is busy, short for whoever waits for the tests.
SHORT = Limits(connect_s=0.5, read_s=0.5, total_s=1.0, attempts=1)
MEGABYTE = 1024 * 1024


def after_effect(*parts: bytes, then_wait: bool = False) -> Script:
    """Reads the request (that is the effect), says so much, and hangs up; or says no more."""

    def script(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        for part in parts:
            connection.sendall(part)
        if then_wait:
            peer.done.wait(10)

    return script


def endless(part: bytes, first: bytes = b"") -> Script:
    """Reads the request and never stops to speak."""

    def script(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        connection.sendall(first)
        while not peer.done.is_set():
            connection.sendall(part)

    return script


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "reason", "status"),
    [
        pytest.param(after_effect(), "network", None, id="drops without a word"),
        pytest.param(after_effect(HEAD[:20]), "network", None, id="drops within the head"),
        pytest.param(after_effect(HEAD + b'{"id":1'), "network", 200, id="200, then drops"),
        pytest.param(after_effect(then_wait=True), "timeout", None, id="hangs"),
        pytest.param(after_effect(HEAD, then_wait=True), "timeout", 200, id="200, then hangs"),
        pytest.param(after_effect(b"SSH-2.0-OpenSSH\r\n"), "network", None, id="no web server"),
        pytest.param(after_effect(HEAD[:-2] + b"\x00: x\r\n\r\n"), "network", None, id="a header"),
        pytest.param(
            endless(b"X-Filler: " + b"x" * 4000 + b"\r\n", HEAD[:-2]), "network", None,
            id="headers without end",
        ),
        pytest.param(
            endless(b"HTTP/1.1 100 Continue\r\n\r\n"), "timeout", None, id="waits are without end"
        ),
        pytest.param(
            after_effect(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            ), "network", 200, id="chunks that are none",
        ),
    ],
)  # fmt: skip
def test_what_was_read_and_never_answered_may_have_happened(
    peer: Any, script: Script, reason: str, status: int | None
) -> None:
    peer.scripts = [script]
    with pytest.raises(OutsideError) as caught:
        make(peer, limits=SHORT).send(Request("POST", peer.url))
    error = caught.value
    assert (error.reason, error.status, error.permanent) == (reason, status, False)
    assert error.may_have_happened
    assert len(peer.requests) == 1


def test_who_hangs_before_the_request_has_done_nothing(peer: Any) -> None:
    """It accepts the connection and never answers the TLS handshake."""
    peer.scripts = [lambda peer, connection: peer.done.wait(10)]
    with pytest.raises(OutsideError) as caught:
        make(peer, limits=SHORT).send(Request("POST", f"https://{peer.host_port}/"))
    assert (caught.value.reason, caught.value.may_have_happened) == ("timeout", False)


def test_500_after_the_effect_may_have_happened(peer: Any, answering: Respond) -> None:
    peer.scripts = [answering(500, body=b"the order was made, the mail was not")]
    answer = make(peer).send(Request("POST", peer.url))
    assert refused(answer, service="It").may_have_happened
    assert len(peer.requests) == 1


def test_200_megabytes_are_read_no_further_than_the_limit(peer: Any) -> None:
    sent: list[int] = []

    def flooding(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        length = 200 * MEGABYTE
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        for _ in range(length // 65536):
            sent.append(connection.send(b"x" * 65536))

    peer.scripts = [flooding]
    door = make(peer)
    tracemalloc.start()
    answer = door.send(Request("POST", peer.url))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.status, answer.truncated, len(answer.body)) == (200, True, MEGABYTE)
    assert peak < 8 * MEGABYTE
    assert sum(sent) < 20 * MEGABYTE


def test_a_redirect_to_a_private_address_is_an_answer(peer: Any, answering: Respond) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.2)
        port = inside.getsockname()[1]
        peer.scripts = [answering(302, f"Location: http://127.0.0.1:{port}/latest/meta-data/")]
        answer = make(peer).send(Request("GET", peer.url))
        assert answer.status == 302
        with pytest.raises(TimeoutError):
            inside.accept()


@pytest.mark.parametrize(
    ("kind", "body", "result"),
    [
        ("text/html", b"<h1>Login</h1>", "<h1>Login</h1>"),
        ("application/json", b"<h1>Login</h1>", "<h1>Login</h1>"),
        ("application/octet-stream", b"\x00\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 3),
        ("application/json; charset=utf-16", '{"a":1}'.encode("utf-16-le"), None),
        ("application/json", b'{"a":NaN}', '{"a":NaN}'),
        ("application/json", b'{"a":1,"a":2}', '{"a":1,"a":2}'),
        ("", b"", None),
    ],
)
def test_another_content_type_is_kept_as_text(
    peer: Any, answering: Respond, kind: str, body: bytes, result: str | None
) -> None:
    peer.scripts = [answering(200, f"Content-Type: {kind}", body=body)]
    rendered = {"method": "POST", "url": peer.url, "headers": {}, "body": "{}"}
    attempt = ConnectorRequest(make(peer), None, {}, "request", {}, rendered, "act_1", 5, "cor_1")
    outcome = perform(attempt)
    assert outcome.status == OutcomeStatus.SUCCEEDED
    assert isinstance(outcome.result, str | None)
    if result is not None:
        assert outcome.result == result


@dataclass
class Wall(Sleeper):
    """The clock of the shared store moves with the one that sleeping moves."""

    def change(self, key: str, how: Any, *, ttl_s: float) -> Any:
        moved = sum(self.slept)
        return shared.change(key, lambda value, now: how(value, now + moved), ttl_s=ttl_s)


def test_a_minute_of_429_with_a_date_is_waited_for_outside(peer: Any, answering: Respond) -> None:
    """One call meets it; until the minute is over no other leaves, whoever makes it."""
    until = datetime.now(UTC) + timedelta(seconds=60)
    date = format_datetime(until, usegmt=True)
    peer.scripts = [answering(429, f"Retry-After: {date}"), answering(200)]
    wall, account = Wall(), Account("con_1")
    door = replace(make(peer, wall), turnstile=Turnstile(account, wall.change))
    answer = door.send(Request("POST", peer.url))
    error = refused(answer, service="It")
    assert (error.permanent, error.may_have_happened) == (False, False)
    assert error.retry_after == pytest.approx(60, abs=5)
    for _ in range(5):
        with pytest.raises(OutsideError) as caught:
            door.send(Request("POST", peer.url))
        assert (caught.value.reason, caught.value.may_have_happened) == ("rate_limited", False)
        assert caught.value.retry_after == pytest.approx(60 - sum(wall.slept), abs=5)
        wall.sleep(10)
    assert len(peer.requests) == 1
    wall.sleep(10)
    assert door.send(Request("POST", peer.url)).ok
    assert len(peer.requests) == 2
