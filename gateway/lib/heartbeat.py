"""Signs of life of worker and scheduler, in the cache: who does not beat is not there."""

from django.core.cache import cache

LIFE_S = 15


def beat(kind: str) -> None:
    """Say that a process of this kind is alive."""
    cache.set(f"heartbeat.{kind}", 1, LIFE_S)


def alive(kind: str) -> bool:
    """Whether a process of this kind beat within the last seconds."""
    return cache.get(f"heartbeat.{kind}") is not None


def stop(kind: str) -> None:
    """Say goodbye at once, not after the last beat; another process of the kind beats on."""
    cache.delete(f"heartbeat.{kind}")
