"""The cache in Redis; while Redis is away, each process remembers for itself.

Nothing here is owed to anybody: sign-in limits, signs of life and looked-up sources. Signing in
must not fail because a cache is down, and its limits must not vanish: they go on per process.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import RedisError

from gateway.lib.shared import Change, change_here

log = structlog.get_logger(__name__)
# How long a process that met a dead server asks nobody but itself.
PAUSE_S = 2.0
# Writes only where the value is still the one that was read ("" where there was none).
SWAP = """
local present = redis.call('GET', KEYS[1]) or ''
if present ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
# Each lost race is another's success, so many in a row mean that something is wrong.
MAX_RACES = 100


class _Away:
    """When this process may ask Redis again; one for all threads."""

    until = 0.0


class KeptClient(RedisCacheClient):
    """Django's makes a client for every question, which takes longer than asking it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: dict[bool, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        """The client to read or to write with; it only holds a pool."""
        made = self._kept.get(write)
        if made is None:
            made = self._kept[write] = super().get_client(key, write=write)
        return made


class RedisOrMemoryCache(RedisCache):
    """Django's Redis cache with a second one in the process behind it."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = KeptClient
        self._memory = LocMemCache("while-redis-is-away", {})

    def add(self, *args: Any, **options: Any) -> Any:
        return self._try("add", *args, **options)

    def get(self, *args: Any, **options: Any) -> Any:
        return self._try("get", *args, **options)

    def set(self, *args: Any, **options: Any) -> Any:
        return self._try("set", *args, **options)

    def touch(self, *args: Any, **options: Any) -> Any:
        return self._try("touch", *args, **options)

    def delete(self, *args: Any, **options: Any) -> Any:
        return self._try("delete", *args, **options)

    def get_many(self, *args: Any, **options: Any) -> Any:
        return self._try("get_many", *args, **options)

    def has_key(self, *args: Any, **options: Any) -> Any:
        return self._try("has_key", *args, **options)

    def incr(self, *args: Any, **options: Any) -> Any:
        return self._try("incr", *args, **options)

    def set_many(self, *args: Any, **options: Any) -> Any:
        return self._try("set_many", *args, **options)

    def delete_many(self, *args: Any, **options: Any) -> Any:
        return self._try("delete_many", *args, **options)

    def clear(self) -> Any:
        return self._try("clear")

    def change(self, key: str, how: Change, ttl_s: float) -> Any:
        """Change one value as one step for all processes; see `gateway.lib.shared`.

        The time is that of Redis, one clock for all.
        """
        return self._first(
            "change",
            lambda: self._swap(self.make_and_validate_key(key), how, ttl_s),
            lambda: change_here(self._memory, key, how, ttl_s),
        )

    def _swap(self, key: str, how: Change, ttl_s: float) -> Any:
        client = self._cache.get_client(key, write=True)
        for _ in range(MAX_RACES):
            reading = client.pipeline(transaction=False)
            reading.time()
            reading.get(key)
            (seconds, micros), raw = reading.execute()
            before = None if raw is None else json.loads(raw)
            after, answer = how(before, seconds + micros / 1_000_000)
            if after == before:
                return answer
            written = json.dumps(after, separators=(",", ":"))
            if client.eval(SWAP, 1, key, raw or b"", written, int(ttl_s * 1000)):
                return answer
        raise RedisError(f"no chance to change {key}")

    def _try(self, name: str, *args: Any, **options: Any) -> Any:
        in_redis: Callable[..., Any] = getattr(super(), name)
        in_memory: Callable[..., Any] = getattr(self._memory, name)
        return self._first(
            name, lambda: in_redis(*args, **options), lambda: in_memory(*args, **options)
        )

    def _first(self, name: str, in_redis: Callable[[], Any], in_memory: Callable[[], Any]) -> Any:
        if time.monotonic() >= _Away.until:
            try:
                return in_redis()
            except (RedisError, OSError) as error:
                _Away.until = time.monotonic() + PAUSE_S
                log.warning("cache_away", operation=name, error=repr(error))
        return in_memory()
