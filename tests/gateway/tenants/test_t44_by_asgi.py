"""T44: header lines as they travel, two of one name among them, through the application's entry."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connections

from gateway.asgi import application

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]
Lines = list[tuple[bytes, bytes]]
LIMIT, TRIED, PATIENCE_S = 10, 16, 30
HERE, PROXY = b"192.0.2.1", "10.0.0.1"
TOKEN = "t" * 32


async def guess(n: int, lines: Lines, *, peer: str) -> int:
    """One wrong password with these header lines; the status of the answer."""
    body = urlencode(
        {"login": f"who-{n}@example.com", "password": "no", "csrfmiddlewaretoken": TOKEN}
    ).encode()
    headers = [
        (b"host", b"localhost"), (b"cookie", f"countersign-csrf={TOKEN}".encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", b"%d" % len(body)), *lines,
    ]  # fmt: skip
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/accounts/login/", "raw_path": b"/accounts/login/",
        "root_path": "", "query_string": b"", "headers": headers, "client": (peer, 50000 + n),
        "server": ("localhost", 80),
    }  # fmt: skip
    wire = ApplicationCommunicator(application, scope)
    await wire.send_input({"type": "http.request", "body": body, "more_body": False})
    status = int((await wire.receive_output(PATIENCE_S))["status"])
    while (await wire.receive_output(PATIENCE_S)).get("more_body"):
        pass
    await wire.wait(PATIENCE_S)
    return status


def invented(n: int) -> bytes:
    return f"198.51.100.{n}".encode()


NAMED = b"x-forwarded-for"
WAYS: dict[str, tuple[int, Callable[[int], Lines]]] = {
    "no proxy, a line": (0, lambda n: [(NAMED, invented(n))]),
    "no proxy, two lines": (0, lambda n: [(NAMED, invented(n)), (NAMED, HERE)]),
    "no proxy, underscores": (0, lambda n: [(b"x_forwarded_for", invented(n))]),
    "no proxy, the name of the peer": (
        0, lambda n: [(b"remote_addr", invented(n)), (b"remote-addr", invented(n))]
    ),
    "a proxy that adds a line": (1, lambda n: [(NAMED, invented(n)), (NAMED, HERE)]),
    "a proxy that joins": (1, lambda n: [(NAMED, invented(n) + b", " + HERE)]),
    "underscores before": (1, lambda n: [(b"x_forwarded_for", invented(n)), (NAMED, HERE)]),
    "underscores after": (1, lambda n: [(NAMED, HERE), (b"x_forwarded_for", invented(n))]),
    "a mixed name": (1, lambda n: [(NAMED, HERE), (b"x-forwarded_for", invented(n))]),
    "forwarded": (1, lambda n: [(b"forwarded", b"for=" + invented(n)), (NAMED, HERE)]),
    "one /64": (1, lambda n: [(NAMED, f"2001:db8:1:2:{n:x}::1".encode())]),
    "bytes that are no text": (1, lambda n: [(NAMED, invented(n) + b", \xff\xfe" + HERE)]),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_no_line_makes_another_sender(checked: list[Any], settings: Any, way: str) -> None:
    settings.TRUSTED_PROXIES, lines_of = WAYS[way]

    async def all_of_them() -> list[int]:
        return [await guess(n, lines_of(n), peer=PROXY) for n in range(TRIED)]

    try:
        assert asyncio.run(all_of_them()) == [200] * TRIED
    finally:
        connections.close_all()
    assert len(checked) == LIMIT
