"""News for one listener, until it hangs up or loses the right to listen."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing, suppress
from typing import Any

from gateway.lib.live import News, follow
from gateway.streams.tickets import Ticket, watch

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


async def listen(
    *topics: str,
    receive: Receive | None,
    ticket: Ticket | None,
    quiet_s: float,
    since: str = "",
) -> AsyncGenerator[News | None, None]:
    """The news of these topics; `here` soon after the start, None after `quiet_s` of silence.

    With `since`, the mark of the last news that was heard, what came after it is told first. Ends
    when the client disconnects (where `receive` is given) or the ticket counts no more.
    """
    ends = []
    if receive is not None:
        ends.append(asyncio.ensure_future(_disconnected(receive)))
    if ticket is not None:
        ends.append(asyncio.ensure_future(_revoked(ticket)))
    try:
        # The inner one is closed before the one it reads: a generator that runs cannot be closed.
        async with (
            aclosing(follow(*topics, quiet_s=quiet_s, since=since)) as source,
            aclosing(_until(ends, source)) as heard,
        ):
            async for news in heard:
                yield news
    finally:
        for end in ends:
            await _stop(end)


async def _until(
    ends: list["asyncio.Task[None]"], source: AsyncIterator[News | None]
) -> AsyncGenerator[News | None, None]:
    coming = asyncio.ensure_future(anext(source))
    try:
        while True:
            await asyncio.wait({coming, *ends}, return_when="FIRST_COMPLETED")
            if any(end.done() for end in ends):
                return
            news = coming.result()
            coming = asyncio.ensure_future(anext(source))
            yield news
    finally:
        await _stop(coming)


async def _disconnected(receive: Receive) -> None:
    """Returns once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _revoked(ticket: Ticket) -> None:
    """Returns once the ticket counts no more."""
    end = watch().hold(ticket)
    try:
        await end.wait()
    finally:
        watch().drop(ticket)


async def _stop(task: "asyncio.Future[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError, StopAsyncIteration):
        await task
