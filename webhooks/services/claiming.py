"""Taking due events in chunks, with a lease; and what is done with those whose worker was lost."""

from datetime import timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.states import move, move_many
from webhooks.models import Event
from webhooks.states import EventStatus

log = structlog.get_logger(__name__)
CHUNK = 200
LEASE_S = 60
MAX_LOST_LEASES = 3
CLAIMABLE = (EventStatus.RECEIVED, EventStatus.FAILED)


def claim_chunk() -> list[Event]:
    """Up to 200 due events, held for a minute, oldest first; none when nothing is due.

    An event whose worker was lost before is claimed alone, so that one that kills its worker does
    not count against others.
    """
    if not Event.objects.due().exists():
        return []  # most bells find nothing: no lock is taken to learn that
    with transaction.atomic():
        due = _due()
        lost = [event for event in due if event.status == EventStatus.PROCESSING]
        for event in lost:
            _give_back(event)
        free = [event for event in due if event.status in CLAIMABLE]
        suspects = [event for event in free if event.lost_leases]
        chosen = suspects[:1] or free
        until = timezone.now() + timedelta(seconds=LEASE_S)
        claimed = []
        for status in CLAIMABLE:
            wanted = [event.pk for event in chosen if event.status == status]
            claimed += move_many(
                Event.objects.filter(pk__in=wanted),
                status,
                EventStatus.PROCESSING,
                due_at=until,
                lease_until=until,
                attempts=F("attempts") + 1,
            )
    if lost and not claimed:
        return claim_chunk()
    rows = Event.objects.select_related("source__environment__tenant", "source__provider")
    return list(rows.filter(pk__in=claimed).order_by("id"))


def _due() -> list[Event]:
    """The oldest due events, locked where the database can; read by the partial index alone."""
    rows = Event.objects.due().order_by("due_at").select_related("environment__tenant")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    return list(rows.defer("body", "headers")[:CHUNK])


def _give_back(event: Event) -> None:
    """The lease ran out: back to the due ones, or given up when it cost its worker too often."""
    count = event.lost_leases + 1
    log.warning("event_lease_lost", id=event.public_id, count=count)
    if count < MAX_LOST_LEASES:
        move(
            event,
            EventStatus.RECEIVED,
            due_at=timezone.now(),
            lease_until=None,
            lost_leases=count,
        )
        return
    reason = f"It was being processed {count} times when its worker stopped."
    move(event, EventStatus.FAILED, lost_leases=count, lease_until=None, reason=reason)
    bury(event, reason=reason)


def bury(event: Event, *, reason: str) -> None:
    """Give a failed event up; only a replay brings it back."""
    move(event, EventStatus.DEAD, due_at=None, lease_until=None, reason=reason[:500])
    audit.record(
        AuditAction.EVENT_DEAD,
        target=Target("event", event.public_id),
        scope=event.environment.audit_scope,
        reason="given_up",
        payload_sha256=event.body_sha256,
    )


def renew(events: list[Event]) -> None:
    """Hold the rest of a chunk for another minute; whoever took one of them meanwhile keeps it."""
    until = timezone.now() + timedelta(seconds=LEASE_S)
    for event in events:
        rows = Event.objects.filter(
            pk=event.pk, status=EventStatus.PROCESSING, attempts=event.attempts
        )
        rows.update(due_at=until, lease_until=until)
