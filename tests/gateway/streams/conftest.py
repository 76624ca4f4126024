"""A client that speaks ASGI to the whole web application, and scenarios that run in one loop."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from gateway.streams import tickets
from gateway.streams.application import around
from tests import people
from tests.jobs import drain

PATIENCE_S = 5


def scope_of(path: str, *, headers: dict[str, str], method: str = "GET") -> dict[str, Any]:
    """The ASGI scope of a request."""
    path, _, query = path.partition("?")
    given = {"Host": "testserver"} | headers
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in given.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }


@dataclass
class Call:
    """One request that may stay open."""

    wire: ApplicationCommunicator
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""

    async def begun(self) -> "Call":
        """Once status and headers are there."""
        start = await self.wire.receive_output(PATIENCE_S)
        self.status = start["status"]
        self.headers = {n.decode().lower(): v.decode() for n, v in start["headers"]}
        return self

    async def until(self, wanted: str) -> str:
        """What has come by the time that this text has."""
        while wanted not in self.text:
            assert await self.more(), f"ended without {wanted!r}: {self.text}"
        return self.text

    async def whole(self) -> str:
        """Everything, once the answer has ended."""
        while await self.more():
            pass
        await self.wire.wait(PATIENCE_S)
        return self.text

    async def more(self) -> bool:
        """One more piece; False after the last."""
        piece = await self.wire.receive_output(PATIENCE_S)
        self.text += piece.get("body", b"").decode()
        return bool(piece.get("more_body", False))

    async def json(self) -> Any:
        """The whole answer as JSON."""
        return json.loads(await self.whole())

    async def hang_up(self) -> None:
        """The client goes."""
        await self.wire.send_input({"type": "http.disconnect"})
        await self.wire.wait(PATIENCE_S)


@dataclass
class Web:
    """The application, asked by ASGI."""

    application: Any

    async def ask(
        self, path: str, *, method: str = "GET", body: Any = None, **headers: str
    ) -> Call:
        """Send a request; the answer may take its time."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = json.dumps(body).encode() if body is not None else b""
        if method == "POST":
            named |= {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        wire = ApplicationCommunicator(
            self.application, scope_of(path, headers=named, method=method)
        )
        await wire.send_input({"type": "http.request", "body": raw, "more_body": False})
        return Call(wire)


@pytest.fixture(autouse=True)
def _keeps_the_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test's transaction lives in one connection, which which no request or stream may close."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    monkeypatch.setattr("channels.db.close_old_connections", lambda: None)
    # Django gives each request a thread, and so a connection, of its own.
    monkeypatch.setattr("django.core.handlers.asgi.ThreadSensitiveContext", nullcontext)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def web() -> Web:
    return Web(around(get_asgi_application()))


@pytest.fixture
def here() -> people.People:
    return people.ready()


@pytest.fixture
def play() -> Callable[[Callable[[], Awaitable[Any]]], Any]:
    """Runs a scenario; its `in_database` parts share this test's transaction."""
    return lambda scenario: async_to_sync(scenario)()


@pytest.fixture
def in_database() -> Callable[..., Awaitable[Any]]:
    """Runs a function beside the loop, then what waits for its commit and the jobs it rang."""

    async def run(act: Callable[[], Any]) -> Any:
        def both() -> Any:
            done = act()
            drain()
            return done

        return await sync_to_async(both)()

    return run


@pytest.fixture
def checks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open streams are checked at once, not after seconds."""
    monkeypatch.setattr(tickets, "CHECK_EVERY_S", 0.02)


def session_cookie(caller: Any, settings: Any) -> str:
    """The cookie header of a signed-in browser."""
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={caller.client.cookies[name].value}"


@pytest.fixture
def cookie_of(settings: Any) -> Callable[[Any], str]:
    """The cookie header of a signed-in browser."""
    return lambda caller: session_cookie(caller, settings)
