"""The queue, and the task that would do something with an event."""

import dramatiq
from django.conf import settings
from dramatiq.brokers.redis import RedisBroker

from bench.peers.drf_receiver.models import Event

dramatiq.set_broker(RedisBroker(url=settings.REDIS_URL, namespace="drf"))


@dramatiq.actor
def process_event(pk: int) -> None:
    """A real one would do something with it."""
    Event.objects.filter(pk=pk).update(processed=True)
