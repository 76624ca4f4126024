"""Finding the events whose bell was lost, and the sources that fell silent."""

from gateway.lib.broker import JobName, ring
from webhooks.models import Event
from webhooks.services.silence import WATCH


def sweep() -> int:
    """Ring once if any event is due; how many are."""
    due = Event.objects.due().count()
    if due:
        ring(JobName.PROCESS_EVENTS)
    WATCH.tick()
    return due
