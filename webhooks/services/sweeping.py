"""Finding the events whose bell was lost."""

from gateway.lib.broker import JobName, ring
from webhooks.models import Event


def sweep() -> int:
    """Ring once if any event is due; how many are."""
    due = Event.objects.due().count()
    if due:
        ring(JobName.PROCESS_EVENTS)
    return due
