"""Reading bodies in bounded memory, whoever sends how many at once.

Usual bodies are read as they come. A large one first waits for room, in the order of arrival, and
keeps it until its delivery is answered; so many large ones at once wait instead of filling the
memory, and nobody's usual body waits for them.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from webhooks.ingest.judge import Rejected
from webhooks.schemes.reasons import Reason
from webhooks.schemes.verifier import Header

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
# What a sender may send before it counts as large.
USUAL_BYTES = 64 * 1024
ROOM_BYTES = 4 * 1024 * 1024
# Longer, and a provider would give up: it is asked to try again.
WAIT_S = 10.0


class Room:
    """How many bytes of large bodies one process holds at a time."""

    def __init__(self, size: int = ROOM_BYTES, *, wait_s: float = WAIT_S) -> None:
        self.left = size
        self.wait_s = wait_s
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, count: int) -> None:
        """Wait until so many bytes are free; raises Rejected when that takes too long."""
        if not self.waiting and self.left >= count:
            self.left -= count
            return
        place = (count, asyncio.get_running_loop().create_future())
        self.waiting.append(place)
        try:
            async with asyncio.timeout(self.wait_s):
                await place[1]
        except BaseException as error:  # a sender that went away as well
            if place in self.waiting:
                self.waiting.remove(place)
            else:
                self.give(count)
            if isinstance(error, TimeoutError):
                raise Rejected(Reason.OVERLOADED) from None
            raise

    def give(self, count: int) -> None:
        """Give bytes back, and let in whoever waits longest and has room now."""
        self.left += count
        while self.waiting and self.left >= self.waiting[0][0]:
            needed, place = self.waiting.popleft()
            self.left -= needed
            if not place.done():
                place.set_result(None)


class Reader:
    """Reads the body of one request; used as a context, which gives its room back."""

    def __init__(self, room: Room, *, limit: int) -> None:
        self.room = room
        self.limit = limit
        self.held = 0

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        if self.held:
            self.room.give(self.held)

    async def read(self, receive: Receive, headers: Sequence[Header]) -> bytes | None:
        """The whole body; None when the sender went away.

        Raises Rejected when more than the limit came and still more is to come, or when there is
        no room for it. A body that is longer than the limit may be returned whole.
        """
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return bytes(message.get("body", b""))
        body = bytearray()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(body)
            if len(body) > self.limit:
                raise Rejected(Reason.TOO_LARGE)
            if len(body) > USUAL_BYTES and not self.held:
                await self._take_room(headers)
            message = await receive()
        return None

    async def _take_room(self, headers: Sequence[Header]) -> None:
        declared = dict(headers).get(b"content-length", b"")
        count = min(int(declared), self.limit) if declared.isdigit() else self.limit
        await self.room.take(count)
        self.held = count
