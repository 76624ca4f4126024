"""The channel layer, which can also be spoken to from a thread without an event loop.

The layer of channels_redis belongs to event loops. A worker's threads have none: each message took
a loop of its own and with it a new connection to Redis, a seventh of all that a worker did. What
the layer sends is a plain PUBLISH, so it is sent here over connections that stay. The one module
that leans on how channels_redis (4.3) names and writes its messages.
"""

import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import redis
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 2.0
# How long a process that met a server that is away or mute sends nothing: each try may take twice
# the timeout, and whoever works waits for it.
PAUSE_S = 5.0
PREFIX = "asgi"


class ChannelLayer(RedisPubSubChannelLayer):
    """Channels' own, of one Redis server."""

    def __init__(self, *, host: str) -> None:
        super().__init__(hosts=[host], prefix=PREFIX)
        self._host = host
        self._away_until = 0.0

    def group_send_at_once(self, group: str, messages: Iterable[dict[str, Any]]) -> None:
        """Send these to everybody in the group, in their order; for threads without a loop.

        Raises redis.RedisError while Redis cannot be reached, and for some seconds after that.
        """
        if time.monotonic() < self._away_until:
            raise redis.ConnectionError("Redis was away a moment ago; news are not sent for now.")
        try:
            self._publish(group, messages)
        except redis.RedisError:
            self._away_until = time.monotonic() + PAUSE_S
            raise

    def _publish(self, group: str, messages: Iterable[dict[str, Any]]) -> None:
        with self._client.pipeline(transaction=False) as pipeline:
            for message in messages:
                pipeline.publish(f"{PREFIX}__group__{group}", self.serialize(message))
            pipeline.execute()

    @cached_property
    def _client(self) -> redis.Redis:
        # A connection that was closed meanwhile is opened once more.
        return redis.Redis.from_url(
            self._host, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 1),
        )  # fmt: skip
