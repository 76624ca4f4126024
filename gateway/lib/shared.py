"""Small values that every process reads and changes as one step, in the cache's Redis.

While Redis is away each process goes on with its own (`gateway.lib.cache`). Nothing in here is
owed to anybody: what must not be forgotten is a row.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache import cache

# From the stored value (JSON data, None at first) and the present time in seconds since 1970 to the
# value to store and the answer. Pure, because it may be asked again where another was quicker.
Change = Callable[[Any, float], tuple[Any, Any]]
_HERE = threading.Lock()


def change(key: str, how: Change, *, ttl_s: float) -> Any:
    """Change one value as one step, and give back the answer. What nobody changes is forgotten
    after `ttl_s`.
    """
    in_redis = getattr(cache, "change", None)
    if in_redis is not None:
        return in_redis(key, how, ttl_s)
    return change_here(cache, key, how, ttl_s)


def change_here(memory: Any, key: str, how: Change, ttl_s: float) -> Any:
    """The same in a cache of this process."""
    with _HERE:
        before = memory.get(key)
        after, answer = how(before, time.time())
        if after != before:
            memory.set(key, after, ttl_s)
        return answer


def read(key: str) -> tuple[Any, float]:
    """The value as it is now (None where there is none), and the time it was read."""
    found: tuple[Any, float] = change(key, lambda value, now: (value, (value, now)), ttl_s=1)
    return found
