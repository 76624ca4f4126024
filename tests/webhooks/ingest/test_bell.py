"""The bell: at once, then seldom, and never a pile of rings for a queue that hangs."""

import asyncio
from collections.abc import Callable
from threading import Event

import pytest

from webhooks.ingest import bell as ringing
from webhooks.ingest.bell import Bell


class Queue:
    """Counts rings; hangs until `answers` is set."""

    def __init__(self) -> None:
        self.rings = 0
        self.answers = Event()
        self.answers.set()

    def ring_now(self, _name: str) -> None:
        self.rings += 1
        assert self.answers.wait(10)


@pytest.fixture
def queue(monkeypatch) -> Queue:
    made = Queue()
    monkeypatch.setattr(ringing, "ring_now", made.ring_now)
    monkeypatch.setattr(ringing, "REST_S", 0.01)
    return made


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():
            await asyncio.sleep(0.001)


def test_many_commits_are_one_ring_at_once_and_one_after_the_rest(queue):
    async def run() -> None:
        bell = Bell()
        for _ in range(50):
            bell.ring()
        await until(lambda: not bell.is_resting and not bell.is_due)

    asyncio.run(run())
    assert queue.rings == 2


def test_single_commit_is_a_single_ring(queue):
    async def run() -> None:
        bell = Bell()
        bell.ring()
        await until(lambda: not bell.is_resting)

    asyncio.run(run())
    assert queue.rings == 1


def test_hanging_queue_collects_no_rings_and_hears_the_last_one(queue):
    queue.answers.clear()

    async def run() -> None:
        bell = Bell()
        for _ in range(20):
            bell.ring()
            await asyncio.sleep(0.005)
        assert queue.rings == 1
        queue.answers.set()
        await until(lambda: queue.rings == 2)

    asyncio.run(run())
