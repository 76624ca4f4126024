"""The cache in Redis; while Redis is away, each process remembers for itself.

Nothing here is owed to anybody: sign-in limits, signs of life and looked-up sources. Signing in
must not fail because a cache is down, and its limits must not vanish: they go on per process.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

log = structlog.get_logger(__name__)
# How long a process that met a dead server asks nobody but itself.
PAUSE_S = 2.0


class _Away:
    """When this process may ask Redis again; one for all threads."""

    until = 0.0


class RedisOrMemoryCache(RedisCache):
    """Django's Redis cache with a second one in the process behind it."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
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

    def _try(self, name: str, *args: Any, **options: Any) -> Any:
        if time.monotonic() >= _Away.until:
            in_redis: Callable[..., Any] = getattr(super(), name)
            try:
                return in_redis(*args, **options)
            except (RedisError, OSError) as error:
                _Away.until = time.monotonic() + PAUSE_S
                log.warning("cache_away", operation=name, error=repr(error))
        return getattr(self._memory, name)(*args, **options)
