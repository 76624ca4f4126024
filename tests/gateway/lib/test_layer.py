"""Messages that are sent without an event loop are heard by those who listen with one."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from gateway.lib.layer import ChannelLayer
from tests.gateway.lib.test_cache import server

NEWS = [{"type": "news", "number": number} for number in range(3)]


@pytest.fixture
def folder() -> Iterator[Path]:
    # A socket's path must be short.
    with TemporaryDirectory(prefix="layer-") as name:
        yield Path(name)


def layer_at(folder: Path) -> ChannelLayer:
    return ChannelLayer(host=f"unix://{folder / 'redis.sock'}")


def test_what_is_sent_from_a_thread_is_heard_in_its_order(folder: Path) -> None:
    layer = layer_at(folder)

    async def heard() -> list[Any]:
        channel = await layer.new_channel()
        await layer.group_add("desk", channel)
        await asyncio.to_thread(layer.group_send_at_once, "desk", NEWS)
        await asyncio.to_thread(layer.group_send_at_once, "another", NEWS)
        await layer.group_send("desk", {"type": "last"})
        return [await layer.receive(channel) for _ in range(len(NEWS) + 1)]

    with server(folder):
        assert asyncio.run(asyncio.wait_for(heard(), 20)) == [*NEWS, {"type": "last"}]


def test_who_met_a_dead_server_does_not_wait_for_it_again_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, tried = layer_at(folder), []
    publish = layer._publish
    monkeypatch.setattr(layer, "_publish", lambda *given: tried.append(given) or publish(*given))
    for _ in range(3):
        with pytest.raises(redis.ConnectionError):
            layer.group_send_at_once("desk", NEWS)
    assert len(tried) == 1
