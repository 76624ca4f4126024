"""Signs of life of worker and scheduler, in the cache: who does not beat is not there."""

from contextlib import suppress

import structlog
from django.core.cache import cache
from redis import RedisError

log = structlog.get_logger(__name__)
LIFE_S = 15


def beat(kind: str) -> bool:
    """Say that a process of this kind is alive; False when the cache cannot be reached."""
    try:
        cache.set(f"heartbeat.{kind}", 1, LIFE_S)
    except (RedisError, OSError) as error:
        log.warning("heartbeat_lost", kind=kind, error=repr(error))
        return False
    return True


def alive(kind: str) -> bool:
    """Whether a process of this kind beat within the last seconds."""
    try:
        return cache.get(f"heartbeat.{kind}") is not None
    except (RedisError, OSError):
        return False


def stop(kind: str) -> None:
    """Say goodbye at once, not after the last beat; another process of the kind beats on."""
    with suppress(RedisError, OSError):
        cache.delete(f"heartbeat.{kind}")
