"""Server-Sent Events: the news of a desk, and the timeline of a run."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from channels.db import database_sync_to_async

from gateway.lib.errors import Refused
from gateway.lib.live import HERE, LOST, News, hub
from gateway.lib.rest import find
from gateway.runs.api import EVENT_STREAM, LAST_EVENT, as_sse, last_event, stored_events
from gateway.runs.models import Run, RunEvent
from gateway.streams.listening import Application, Message, Receive, Send, listen
from gateway.streams.tickets import Ticket, admit_to_place, admit_to_row, header

HEARTBEAT = ": still here\n\n"
HEARTBEAT_S = 15.0
RECONNECT = "retry: 2000\n\n"
# After a run has ended its last actions still settle; they belong to the timeline as well.
LINGER_S = 0.5
MARK = re.compile(r"[0-9a-f]{32}")
# About what one desk's questions after one change cost a process.
FEW_DESKS, EACH_DESK_MS = 20, 20
VIEW_ACTION, VIEW_RUN = "approvals.view_action", "runs.view_run"


@dataclass
class Listener:
    """Where one reader of a run's timeline stands."""

    run: Run
    ticket: Ticket
    seen: int

    @property
    def topic(self) -> str:
        """What it listens to."""
        return self.run.live_topic

    async def unread(self) -> tuple[list[RunEvent], bool]:
        """The lines it has not seen, and whether the run has ended."""
        lines, is_final = await _unread(self.run, self.seen)
        self.seen = lines[-1].number if lines else self.seen
        return lines, is_final


async def desk(scope: Message, receive: Receive, send: Send, *, place: tuple[str, str]) -> None:
    """What changes in one environment: kind, id and version; pages fetch the rest themselves.

    After `Last-Event-ID` it goes on where the listener was, or says `missed`: then a page reads
    everything again. Without a subscription it is not opened (503), so that nobody waits for news
    that cannot come.
    """
    admitted = await admit_to_place(
        scope, tenant=place[0], environment=place[1], permission=VIEW_ACTION
    )
    if admitted is None or scope["method"] != "GET":
        await answer(send, 404, "There is no such stream, or not for you.")
        return
    ticket, principal = admitted
    topic = principal.environment.live_topic
    mark = header(scope, LAST_EVENT)
    since = mark if MARK.fullmatch(mark) else ""
    heard = listen(topic, receive=receive, ticket=ticket, quiet_s=HEARTBEAT_S, since=since)
    async with aclosing(heard):
        await _tell_desk(send, heard, topic)


async def _tell_desk(send: Send, heard: AsyncIterator[News | None], topic: str) -> None:
    home, is_open = hub(), False
    async for news in heard:
        if news is None:
            await write(send, HEARTBEAT)
        elif news["kind"] == HERE and home.stands.is_set():
            # From this mark on nothing is missed, even where nothing was heard yet.
            await begin(send, f"id: {news['mark']}\n\n{HEARTBEAT}")
            is_open = True
        elif news["kind"] in {HERE, LOST}:
            break
        else:
            await write(send, _told(news, home.count(topic)))
    if is_open:
        await end(send)
    else:
        await answer(send, 503, "No news come through at the moment. Ask again later.")


def _told(news: News, desks: int) -> str:
    """One message; where many desks hear it, with the time over which they spread their questions.

    Five hundred desks that all fetch a fragment in the same moment wait for each other.
    """
    shown = {name: value for name, value in news.items() if name not in {"topic", "mark"}}
    if desks > FEW_DESKS:
        shown["spread_ms"] = desks * EACH_DESK_MS
    return f"id: {news['mark']}\ndata: {json.dumps(shown)}\n\n"


async def run(
    scope: Message, receive: Receive, send: Send, *, id: str, otherwise: Application
) -> None:
    """The timeline of a run from the row after `Last-Event-ID` on, until the run has ended.

    Who may not see it gets Django's answer, which says why.
    """
    listener = await admit_listener(scope, id)
    if listener is None:
        await otherwise(scope, receive, send)
        return
    lines, is_final = await listener.unread()
    if is_final and not lines and listener.seen:
        # Nothing more will come: this is how a browser is told not to reconnect.
        await answer(send, 204, "")
        return
    await begin(send, "".join(map(as_sse, lines)))
    async with aclosing(
        listen(listener.topic, receive=receive, ticket=listener.ticket, quiet_s=HEARTBEAT_S)
    ) as heard:
        async for _ in heard:
            if is_final:
                await asyncio.sleep(LINGER_S)
            lines, has_ended = await listener.unread()
            await write(send, "".join(map(as_sse, lines)) or HEARTBEAT)
            if is_final and not lines:
                break
            is_final = has_ended
    await end(send)


async def admit_listener(scope: Message, id: str, *, seen: str = "") -> Listener | None:
    """The listener to this run, by API key or session; None for who may not see it."""
    row = await _run(id)
    admitted = await admit_to_row(scope, row.environment if row else None, permission=VIEW_RUN)
    if row is None or admitted is None:
        return None
    ticket, principal = admitted
    if not principal.is_member and principal.agent_id != row.agent_id:
        return None
    try:
        return Listener(row, ticket, last_event(seen or header(scope, LAST_EVENT)))
    except Refused:
        return None


@database_sync_to_async
def _run(id: str) -> Run | None:
    return find(Run.objects.select_related("environment__tenant"), id)


@database_sync_to_async
def _unread(row: Run, seen: int) -> tuple[list[RunEvent], bool]:
    # The state is read first: a run that had ended then has all its lines by now.
    is_final = Run.objects.get(pk=row.pk).is_final
    return list(stored_events(row, after=seen)), is_final


async def begin(send: Send, first: str = "") -> None:
    """Open a stream that no proxy holds back."""
    headers = [
        (b"content-type", EVENT_STREAM.encode()),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await write(send, RECONNECT + first)


async def write(send: Send, text: str) -> None:
    """One piece of the stream."""
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def end(send: Send) -> None:
    """Close the stream."""
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer(send: Send, status: int, text: str) -> None:
    """A plain answer that is no stream."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
