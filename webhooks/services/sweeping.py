"""Finding the events whose bell was lost, documents to fetch, and sources that fell silent."""

from django.utils import timezone

from gateway.lib.broker import JobName, ring_again
from webhooks.models import Document, Event
from webhooks.services.silence import WATCH


def sweep() -> int:
    """Ring once for whatever kind is due; how many rows are."""
    due = Event.objects.due().count()
    if due:
        ring_again(JobName.PROCESS_EVENTS)
    wanted = Document.objects.due(timezone.now()).count()
    if wanted:
        ring_again(JobName.FETCH_DOCUMENTS)
    if Event.objects.filter(sealed_in=None).exists():
        ring_again(JobName.SEAL_EVENTS)
    WATCH.tick()
    return due + wanted
