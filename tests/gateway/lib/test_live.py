"""News for who listens: in order, after the last one heard, and a word where some were lost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from gateway.lib import live

TOPIC, OTHER = "environment.one", "environment.two"
PATIENCE_S = 5


@pytest.fixture(autouse=True)
def _beats_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT_S", 0.02)
    monkeypatch.setattr(live, "AGAIN_S", 0.02)
    monkeypatch.setattr(live, "STANDING_S", 0.5)


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async_to_sync(scenario)()


async def say(number: int, topic: str = TOPIC) -> None:
    """News, as a committed transaction sends it."""
    layer = get_channel_layer()
    assert layer is not None
    message = {"type": "news", "topic": topic, "mark": f"{number:032x}"}
    await layer.group_send(live.GROUP, {**message, "news": {"kind": "action", "id": number}})


async def following(since: str = "") -> Any:
    """A listener that has begun, with what it began with."""
    source = live.follow(TOPIC, quiet_s=PATIENCE_S, since=since)
    return source, await anext(source)


async def heard(source: Any, count: int) -> list[Any]:
    return [await asyncio.wait_for(anext(source), PATIENCE_S) for _ in range(count)]


def numbers(news: list[Any]) -> list[Any]:
    return [one.get("id", one["kind"]) for one in news]


def test_who_listens_hears_its_own_topic_in_order() -> None:
    async def scenario() -> None:
        source, begin = await following()
        async with aclosing(source):
            assert begin["kind"] == live.HERE
            for number in range(1, 6):
                await say(100 + number, OTHER)
                await say(number)
            assert numbers(await heard(source, 5)) == [1, 2, 3, 4, 5]
        assert not live.hub().listeners

    play(scenario)


def test_who_comes_back_hears_what_came_meanwhile_and_nothing_twice() -> None:
    async def scenario() -> None:
        staying, _ = await following()
        leaving, _ = await following()
        await say(1)
        last = (await heard(leaving, 1))[0]["mark"]
        await leaving.aclose()
        for number in (2, 3):
            await say(number)
        await heard(staying, 3)
        back, begin = await following(since=last)
        await say(4)
        assert begin["mark"] == last
        assert numbers(await heard(back, 3)) == [2, 3, 4]
        await back.aclose()
        await staying.aclose()

    play(scenario)


def test_who_heard_nothing_yet_goes_on_from_where_it_began() -> None:
    async def scenario() -> None:
        staying, _ = await following()
        leaving, begin = await following()
        await leaving.aclose()
        await say(1)
        await heard(staying, 1)
        back, _ = await following(since=begin["mark"])
        assert numbers(await heard(back, 1)) == [1]
        await back.aclose()
        await staying.aclose()

    play(scenario)


def test_who_was_away_too_long_is_told_that_it_missed_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "KEPT_NEWS", 3)

    async def scenario() -> None:
        staying, begin = await following()
        for number in range(1, 6):
            await say(number)
        await heard(staying, 5)
        for mark in (begin["mark"], f"{1:032x}", "f" * 32):
            back, _ = await following(since=mark)
            await say(9)
            assert numbers(await heard(back, 2)) == [live.MISSED, 9]
            await back.aclose()
        await staying.aclose()

    play(scenario)


def test_who_reads_too_slowly_is_told_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WAITING_NEWS", 3)

    async def scenario() -> None:
        quick, _ = await following()
        slow, _ = await following()
        for number in range(1, 6):
            await say(number)
            assert numbers(await heard(quick, 1)) == [number]
        assert numbers(await heard(slow, 2)) == [live.MISSED, 5]
        await quick.aclose()
        await slow.aclose()

    play(scenario)


def test_an_interruption_that_swallowed_news_is_noticed() -> None:
    async def scenario() -> None:
        source, _ = await following()
        layer = get_channel_layer()
        # A beat that is two further than the one before: what came between went elsewhere.
        (channel,) = layer.groups[live.GROUP]
        await layer.send(channel, {"type": "beat", "number": 99})
        assert numbers(await heard(source, 1)) == [live.MISSED]
        await say(7)
        found = [one for one in numbers(await heard(source, 2)) if one != live.MISSED]
        assert found == [7]
        await source.aclose()

    play(scenario)


def test_without_the_layer_who_listens_is_told_and_hears_again_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        source, _ = await following()
        layer = get_channel_layer()
        send, new_channel = layer.send, layer.new_channel

        async def away(*_: Any) -> None:
            raise ConnectionError("Redis is away")

        monkeypatch.setattr(layer, "send", away)
        monkeypatch.setattr(layer, "new_channel", away)
        assert numbers(await heard(source, 2)) == [live.LOST, live.LOST]
        assert not await live.hub().standing()
        monkeypatch.setattr(layer, "send", send)
        monkeypatch.setattr(layer, "new_channel", new_channel)
        assert await live.hub().standing()
        await say(1)
        while numbers(await heard(source, 1)) != [1]:
            pass
        await source.aclose()

    play(scenario)
