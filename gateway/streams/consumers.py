"""`/ws/runs/{id}`: the timeline of a run by WebSocket."""

import asyncio
from contextlib import aclosing, suppress
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from gateway.runs.api import as_news
from gateway.streams.events import LINGER_S, Listener, admit_listener
from gateway.streams.listening import listen
from gateway.streams.tickets import is_own_origin

QUIET_S = 15.0
NORMAL, TOO_BIG, NOT_FOR_YOU = 1000, 1009, 4404
# Characters or bytes of one message: nothing of it is read.
MOST_SAID = 1024


class RunConsumer(AsyncJsonWebsocketConsumer):
    """Sends the lines of the timeline after `?after=`, then each new one until the run ends."""

    # News come by gateway.lib.live, which subscribes once for the whole process.
    channel_layer_alias = "none"
    pump: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        """Let in who may see the run, from a page of ours or from what is no browser."""
        id = self.scope["url_route"]["kwargs"]["id"]
        after = parse_qs(self.scope["query_string"].decode("latin-1")).get("after", [""])[-1]
        listener = None
        if is_own_origin(self.scope):
            listener = await admit_listener(self.scope, id, seen=after)
        if listener is None:
            await self.close(NOT_FOR_YOU)
            return
        await self.accept()
        self.pump = asyncio.ensure_future(self._follow(listener))

    async def disconnect(self, code: int) -> None:
        """Stop following."""
        if self.pump is not None:
            self.pump.cancel()
            with suppress(asyncio.CancelledError):
                await self.pump

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Nothing that a client says changes anything, and who says much is not listened to."""
        if len(text_data or bytes_data or "") > MOST_SAID:
            await self.close(TOO_BIG)

    async def _follow(self, listener: Listener) -> None:
        is_final = await self._tell(listener)
        async with aclosing(
            listen(listener.topic, receive=None, ticket=listener.ticket, quiet_s=QUIET_S)
        ) as heard:
            async for _ in heard:
                if is_final:
                    await asyncio.sleep(LINGER_S)
                    await self._tell(listener)
                    break
                is_final = await self._tell(listener)
        await self.close(NORMAL)

    async def _tell(self, listener: Listener) -> bool:
        lines, is_final = await listener.unread()
        for line in lines:
            await self.send_json(as_news(line))
        return is_final
