"""The cache goes on, process by process, while Redis is away."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.embedded import redis as embedded
from gateway.lib import cache as caching
from gateway.lib.cache import RedisOrMemoryCache
from gateway.processes.sockets import says_pong


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for a unix socket."""
    made = Path(tempfile.mkdtemp(prefix="cs-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(autouse=True)
def _redis_may_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching._Away, "until", 0.0)


def cache_at(folder: Path) -> RedisOrMemoryCache:
    return RedisOrMemoryCache(f"unix://{folder / 'redis.sock'}", {})


def test_without_redis_values_are_kept_in_the_process(folder: Path) -> None:
    cache = cache_at(folder)
    cache.clear()
    assert cache.get("limit", 0) == 0
    cache.set("limit", 3, 60)
    assert cache.incr("limit") == 4
    assert cache.get_many(["limit", "other"]) == {"limit": 4}
    assert not cache.add("limit", 9)
    cache.delete("limit")
    assert not cache.has_key("limit")


def test_a_dead_server_is_not_asked_again_at_once(folder: Path) -> None:
    cache = cache_at(folder)
    cache.get("key")
    assert caching._Away.until > time.monotonic()


def test_redis_is_used_again_when_it_is_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = folder / "redis.sock"
    cache = cache_at(folder)
    cache.set("key", "in memory")
    process = subprocess.Popen(embedded.command(socket, folder))
    try:
        give_up = time.monotonic() + 10
        while not says_pong(socket) and time.monotonic() < give_up:
            pass
        assert cache.get("key") == "in memory"
        monkeypatch.setattr(caching._Away, "until", 0.0)
        assert cache.get("key") is None
        cache.set("key", "in redis")
        assert cache_at(folder).get("key") == "in redis"
    finally:
        process.terminate()
        process.wait(10)
