"""Taking due events in chunks, with a lease; and what is done with those whose worker was lost."""

import threading
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import DatabaseError, connection, connections, transaction
from django.db.models import F, Prefetch
from django.db.models.functions import Coalesce, Length

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.clock import database_now
from gateway.lib.states import move, move_many
from webhooks.models import Event, Route, Source
from webhooks.services import limiting
from webhooks.states import EventStatus

log = structlog.get_logger(__name__)
CHUNK = 200
# Where a large delivery was split, so much of a chunk is kept for whatever else is due.
OTHERS = CHUNK // 2
# Bodies of one chunk in memory at once, as they are stored: those that are packed are small
# ones (`gateway.lib.packing`).
CHUNK_BYTES = 8 * 1024 * 1024
# Short, so that what a killed worker held is soon taken up again; a thread renews it meanwhile.
LEASE_S = 5.0
RENEW_EVERY_S = LEASE_S / 4
MAX_LOST_LEASES = 3
CLAIMABLE = (EventStatus.RECEIVED, EventStatus.FAILED)
LARGE = ("body", "headers", "fetched")


def claim_chunk() -> list[Event]:
    """Up to 200 due events, held by a lease, oldest first; none when nothing is due or free.

    An event whose worker was lost before is claimed alone, so that one that kills its worker does
    not count against others. Sources that process in order, or only so many events at once, are
    asked one by one; where no such source has anything due this costs nothing.
    """
    if not Event.objects.due().exists():
        return []  # most bells find nothing: no lock is taken to learn that
    with transaction.atomic():
        due = _suspect() or _due()
        sources = _sources(due)
        if not any(limiting.is_limited(source) for source in sources.values()):
            return _hold(due, sources)
    limited = limiting.prepare(CHUNK)
    with transaction.atomic():
        due = _due(without=[source.pk for source in limited])
        for source in limited:
            due += limiting.free(source, CHUNK)[: CHUNK - len(due)]
        return _hold(due, _sources(due))


def _suspect() -> list[Event]:
    """Of the oldest that lost a worker, the one that lost fewest; nearly always there is none.

    Found by the database, because a worker's end leaves hundreds, and reading a whole chunk to
    claim each of them alone would take as long as all else that is done for them.
    """
    oldest = Event.objects.due().order_by("due_at").values("pk")[:CHUNK]
    rows = Event.objects.filter(pk__in=oldest, status__in=CLAIMABLE, lost_leases__gt=0)
    return list(limiting.locked(rows.order_by("lost_leases").defer(*LARGE))[:1])


def _due(*, without: Collection[uuid.UUID] = ()) -> list[Event]:
    """The oldest due events, locked where the database can; read by the partial index alone."""
    rows = limiting.locked(Event.objects.due().order_by("due_at"))
    if without:
        rows = rows.exclude(source__in=without)
    rows = rows.defer(*LARGE).annotate(size=Coalesce(Length("body"), 0))
    due = list(rows[:CHUNK])
    if len(due) == CHUNK and any(event.delivery_id for event in due):
        others = list(rows.filter(delivery=None)[:OTHERS])
        taken = {event.pk for event in others}
        due = others + [event for event in due if event.pk not in taken][: CHUNK - len(others)]
    return due


def _sources(due: Sequence[Event]) -> dict[uuid.UUID, Source]:
    """The sources of the events with all that processing needs, each read once."""
    routes = Prefetch("routes", Route.objects.select_related("agent", "provider"))
    rows = Source.objects.select_related("environment__tenant", "provider")
    return rows.prefetch_related(routes).in_bulk({event.source_id for event in due})


def _hold(due: list[Event], sources: dict[uuid.UUID, Source]) -> list[Event]:
    """Move the free ones to `processing`; where all were given up, look for others."""
    for event in due:
        event.source = sources[event.source_id]
        event.environment = event.source.environment
    lost = [event for event in due if event.status == EventStatus.PROCESSING]
    for event in lost:
        _give_back(event)
        event.source = sources[event.source_id]
        event.environment = event.source.environment
    free = [event for event in due if event.status in CLAIMABLE]
    suspects = sorted((e for e in free if e.lost_leases), key=lambda e: e.lost_leases)
    claimed = _move(suspects[:1] or _within_bytes(free))
    return claim_chunk() if lost and not claimed else claimed


def _within_bytes(events: list[Event]) -> list[Event]:
    """As many of them as may be in memory at once, and at least one."""
    total = 0
    for number, event in enumerate(events):
        total += getattr(event, "size", 0)
        if number and total > CHUNK_BYTES:
            return events[:number]
    return events


def _move(events: list[Event]) -> list[Event]:
    until = database_now() + timedelta(seconds=LEASE_S)
    moved: set[uuid.UUID] = set()
    for status in CLAIMABLE:
        wanted = [event.pk for event in events if event.status == status]
        if wanted:
            moved |= set(
                move_many(
                    Event.objects.filter(pk__in=wanted),
                    status,
                    EventStatus.PROCESSING,
                    due_at=until,
                    lease_until=until,
                    attempts=F("attempts") + 1,
                )
            )
    held = sorted((event for event in events if event.pk in moved), key=lambda event: event.pk)
    rows = Event.objects.filter(pk__in=moved).values_list("pk", *LARGE)
    large = {pk: columns for pk, *columns in rows}
    for event in held:
        event.status, event.due_at, event.lease_until = EventStatus.PROCESSING, until, until
        event.attempts += 1
        event.body, event.headers, event.fetched = large[event.pk]
    return held


def _give_back(event: Event) -> None:
    """The lease ran out: back to the due ones, or given up when it cost its worker too often."""
    count = event.lost_leases + 1
    log.warning("event_lease_lost", id=event.public_id, count=count)
    if count < MAX_LOST_LEASES:
        move(
            event,
            EventStatus.RECEIVED,
            due_at=database_now(),
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


def put_back(events: Sequence[Event]) -> None:
    """Leave claimed events that were not begun to whoever comes next; their try is not counted."""
    for attempts, pks in _by_attempts(events).items():
        move_many(
            Event.objects.filter(pk__in=pks, attempts=attempts),
            EventStatus.PROCESSING,
            EventStatus.RECEIVED,
            due_at=database_now(),
            lease_until=None,
            attempts=F("attempts") - 1,
        )


def renew(events: Sequence[Event]) -> None:
    """Extend the leases; whoever took one of the events meanwhile keeps it."""
    until = database_now() + timedelta(seconds=LEASE_S)
    for attempts, pks in _by_attempts(events).items():
        rows = Event.objects.filter(pk__in=pks, status=EventStatus.PROCESSING, attempts=attempts)
        rows.update(due_at=until, lease_until=until)


def _by_attempts(events: Sequence[Event]) -> dict[int, list[uuid.UUID]]:
    """The attempts are the fencing token: who holds an older one changes nothing."""
    found: dict[int, list[uuid.UUID]] = defaultdict(list)
    for event in events:
        found[event.attempts].append(event.pk)
    return found


@contextmanager
def renewing(events: list[Event]) -> Iterator[None]:
    """Keep the leases of the events alive within the block; it may take events out of the list.

    Within a transaction of the caller nobody else sees the leases, so there is nothing to renew.
    """
    if connection.in_atomic_block:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_renew_until, args=(over, events), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _renew_until(over: threading.Event, events: list[Event]) -> None:
    try:
        while not over.wait(RENEW_EVERY_S):
            try:
                renew(list(events))
            except DatabaseError as error:
                log.warning("leases_not_renewed", error=repr(error))
    finally:
        # This thread's own connection, where it ever had one.
        connections.close_all()
