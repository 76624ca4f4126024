"""Large bodies wait for room, in the order of arrival; usual ones wait for nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from webhooks.ingest.judge import Rejected
from webhooks.ingest.reading import USUAL_BYTES, Reader, Room
from webhooks.schemes.reasons import Reason

MIB = 1024 * 1024
HEADERS = [(b"content-length", str(MIB).encode())]


def pieces(body: bytes, *, ends: bool = True) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A sender that sends the body in pieces of 32 KiB, and then stays or goes away."""
    cut = [body[at : at + 32_768] for at in range(0, len(body), 32_768)] or [b""]
    sent = iter(cut)

    async def receive() -> dict[str, Any]:
        piece = next(sent, None)
        if piece is None:
            return {"type": "http.disconnect"}
        is_last = piece is cut[-1] and ends
        return {"type": "http.request", "body": piece, "more_body": not is_last}

    return receive


async def read(room: Room, body: bytes, **options: Any) -> bytes | None:
    with Reader(room, limit=MIB) as reader:
        return await reader.read(pieces(body, **options), HEADERS)


def test_a_body_in_pieces_is_put_together():
    body = bytes(range(256)) * 1024

    assert asyncio.run(read(Room(), body)) == body


def test_a_usual_body_needs_no_room():
    assert asyncio.run(read(Room(0), b"x" * USUAL_BYTES)) == b"x" * USUAL_BYTES


def test_a_large_body_that_finds_no_room_is_asked_to_come_again():
    room = Room(0, wait_s=0.01)

    with pytest.raises(Rejected) as caught:
        asyncio.run(read(room, b"x" * MIB))

    assert caught.value.reason is Reason.OVERLOADED
    assert (room.left, list(room.waiting)) == (0, [])


def test_large_bodies_are_let_in_as_they_came():
    async def scene() -> list[int]:
        room, order = Room(MIB), []

        async def one(number: int) -> None:
            with Reader(room, limit=MIB) as reader:
                await reader.read(pieces(b"x" * MIB), HEADERS)
                order.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number) for number in range(5)))
        assert room.left == MIB
        return order

    assert asyncio.run(scene()) == [0, 1, 2, 3, 4]


def test_a_sender_that_leaves_while_it_waits_or_sends_holds_nothing():
    async def scene() -> int:
        room = Room(MIB)
        await room.take(MIB)
        waiting = asyncio.ensure_future(read(room, b"x" * MIB))
        while not room.waiting:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        room.give(MIB)
        assert await read(room, b"x" * (MIB // 2), ends=False) is None
        return room.left

    assert asyncio.run(scene()) == MIB


def test_a_body_without_a_declared_length_takes_the_room_of_the_largest():
    async def scene() -> int:
        room = Room(2 * MIB)
        with Reader(room, limit=MIB) as reader:
            await reader.read(pieces(b"x" * (2 * USUAL_BYTES)), [])
            return room.left

    assert asyncio.run(scene()) == MIB
