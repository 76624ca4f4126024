"""The cache goes on, process by process, while Redis is away."""

import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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


@contextmanager
def server(folder: Path) -> Iterator[None]:
    """A real server of the embedded kind."""
    socket = folder / "redis.sock"
    process = subprocess.Popen(embedded.command(socket, folder))
    try:
        give_up = time.monotonic() + 10
        while not says_pong(socket) and time.monotonic() < give_up:
            time.sleep(0.01)
        yield
    finally:
        process.terminate()
        process.wait(10)


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


def add_one(value: Any, now: float) -> tuple[Any, Any]:
    return {"count": (value or {"count": 0})["count"] + 1}, now


def test_without_redis_a_value_is_changed_in_the_process(folder: Path) -> None:
    cache = cache_at(folder)
    cache.clear()
    for _ in range(3):
        cache.change("shared", add_one, 60)
    assert cache.change("shared", lambda value, now: (value, value), 60) == {"count": 3}


@pytest.mark.parametrize("fallback", ["", "1"])
def test_processes_that_change_one_value_at_once_lose_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fallback: str
) -> None:
    monkeypatch.setenv(embedded.FALLBACK_ONLY, fallback)
    with server(folder):

        def many() -> None:
            own = cache_at(folder)
            for _ in range(10):
                own.change("shared", add_one, 60)

        threads = [threading.Thread(target=many) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cache = cache_at(folder)
        assert cache.change("shared", lambda value, now: (value, value), 60) == {"count": 40}
        # The time is the server's.
        assert abs(cache.change("other", add_one, 60) - time.time()) < 5


def test_redis_is_used_again_when_it_is_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_at(folder)
    cache.set("key", "in memory")
    with server(folder):
        assert cache.get("key") == "in memory"
        monkeypatch.setattr(caching._Away, "until", 0.0)
        assert cache.get("key") is None
        cache.set("key", "in redis")
        assert cache_at(folder).get("key") == "in redis"
