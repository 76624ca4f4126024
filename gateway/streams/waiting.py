"""`?wait=`: Django answers at once; the answer is held, and read afresh when the row settles.

Waiting holds neither a thread nor a database connection. Each fresh reading is a GET through
Django under the caller's own key or session, so it shows nothing that the caller may not see.
"""

import asyncio
import json
import re
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.lib.rest import wait_of
from gateway.streams.listening import Application, Message, Receive, Send, listen

PATH = re.compile(r"/api/v1/(?P<kind>actions|runs)(?:/(?P<id>[^/]+))?/?")
MARKS = {"actions": ("act", "action", "is_settled"), "runs": ("run", "run", "is_final")}
# Lost news only delays: the row is read again after this long.
QUIET_S = 5.0
# Headers that belong to the first request's body and to its one effect.
NOT_REPEATED = frozenset({b"content-length", b"content-type", b"idempotency-key"})
ENDED_RUN = 200


@dataclass
class Answer:
    """An answer of Django, kept instead of sent."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        """What Django sends."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    async def give(self, send: Send) -> None:
        """Send it on."""
        kept = [pair for pair in self.headers if pair[0].lower() != b"content-length"]
        length = (b"content-length", str(len(self.body)).encode())
        start = {"type": "http.response.start", "status": self.status, "headers": [*kept, length]}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})

    @property
    def is_good(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 300

    def fields(self) -> dict[str, Any]:
        """The row that it shows."""
        return dict(json.loads(self.body)) if self.is_good else {}


def seconds_of(scope: Message) -> int:
    """How long this request wants to wait; 0 where it does not, or where Django refuses it."""
    match = PATH.fullmatch(scope["path"])
    if match is None or (scope["method"], bool(match["id"])) not in {
        ("GET", True),
        ("POST", False),
    }:
        return 0
    asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    try:
        return wait_of(asked["wait"][-1]) if "wait" in asked else 0
    except Refused:
        return 0


async def hold(
    django: Application, scope: Message, receive: Receive, send: Send, *, seconds: int
) -> None:
    """Answer as Django does, up to `seconds` later."""
    kept = Answer()
    await django(scope, receive, kept.take)
    kind = PATH.fullmatch(scope["path"])["kind"]  # type: ignore[index]
    mark, topic, ended = MARKS[kind]
    row = kept.fields()
    if row and not row[ended]:
        path = f"/api/v1/{kind}/{row['id']}"
        heard = f"{topic}.{ids.decode(mark, row['id'])}"
        fresh = await _fresh(
            lambda: _read(django, scope, path), heard, ended, receive=receive, seconds=seconds
        )
        _merge(kept, fresh, is_ended_run=kind == "runs")
    await kept.give(send)


async def _fresh(
    read: Any, topic: str, ended: str, *, receive: Receive, seconds: int
) -> Answer | None:
    """The last reading: of the ended row, or of what it was when the time was over."""
    heard = listen(topic, receive=receive, ticket=None, quiet_s=QUIET_S)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(heard):
            async for _ in heard:
                now: Answer = await asyncio.shield(read())
                if not now.is_good or now.fields()[ended]:
                    return now
            return None  # the client has gone
    return await read()


def _merge(kept: Answer, fresh: Answer | None, *, is_ended_run: bool) -> None:
    """The first answer's status and headers with the fresh row; a refusal counts as it is."""
    if fresh is None:
        return
    if not fresh.is_good:
        kept.status, kept.headers = fresh.status, fresh.headers
    elif is_ended_run and fresh.fields()["is_final"]:
        kept.status = ENDED_RUN
    kept.body = fresh.body


def _read(django: Application, scope: Message, path: str) -> Awaitable[Answer]:
    """The row as Django shows it now."""
    again = {
        **scope,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [pair for pair in scope["headers"] if pair[0].lower() not in NOT_REPEATED],
    }
    return _ask(django, again)


async def _ask(django: Application, scope: Message) -> Answer:
    answer = Answer()
    await django(scope, _empty_body(), answer.take)
    return answer


def _empty_body() -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()  # the client of a reading of ours never hangs up
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive
