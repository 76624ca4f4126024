"""Counts that the hot path keeps in memory and writes once a second."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F

from webhooks.models import Document, Event, Refusal, Secret, Source

log = structlog.get_logger(__name__)
MAX_KEYS = 20_000
MAX_WANTED = 100
# Of one source, fetched or not.
MAX_DOCUMENTS = 20
DOCUMENT_AGE_S = 300
# Where a database has one writer, so many events' copies are counted at once, for which deliveries
# wait; and the time until the next, in which one that waits gets its turn: so many times as long as
# it took, within these bounds. It may have taken long because it had to wait itself.
COUNTED = 50
RESTS = 3
PAUSE_S = 0.002
MOST_PAUSE_S = 0.03

Refused = tuple[uuid.UUID | None, str]


@dataclass(slots=True)
class Tally:
    """What happened since it was last written; keys are bounded, the rest is not counted."""

    refused: Counter[Refused] = field(default_factory=Counter)
    copies: Counter[uuid.UUID] = field(default_factory=Counter)
    used: dict[uuid.UUID, float] = field(default_factory=dict)
    heard: dict[uuid.UUID, float] = field(default_factory=dict)
    # Documents that a worker has to fetch, by source and address.
    wanted: set[tuple[uuid.UUID, str]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.refused or self.copies or self.used or self.heard or self.wanted)

    def want(self, source_id: uuid.UUID, url: str) -> None:
        """A document is missing without which nothing of this source can be verified."""
        if len(self.wanted) < MAX_WANTED:
            self.wanted.add((source_id, url))

    def copy_of(self, event_id: uuid.UUID) -> None:
        """One more delivery of an event that is there already."""
        if event_id in self.copies or len(self.copies) < MAX_KEYS:
            self.copies[event_id] += 1

    def add(self, other: "Tally") -> None:
        """Take back what could not be written."""
        self.refused.update(other.refused)
        for event_id, count in other.copies.items():
            if event_id in self.copies or len(self.copies) < MAX_KEYS:
                self.copies[event_id] += count
        self.used = other.used | self.used
        self.heard = other.heard | self.heard
        self.wanted |= other.wanted


def write(tally: Tally, now: datetime) -> None:
    """Add the counts to the rows; what is written leaves the tally.

    Raises DatabaseError where the rest could not be written.
    """
    _write_times(tally)
    with transaction.atomic():
        _write_refused_and_wanted(tally, now)
    for written in (tally.refused, tally.used, tally.heard, tally.wanted):
        written.clear()
    if connection.features.has_select_for_update_skip_locked:
        _write_copies(tally.copies)
    else:
        _write_copies_between_deliveries(tally.copies)


def _write_times(tally: Tally) -> None:
    # Each commits by itself: together they would hold rows that a person's change wants, too.
    for secret_id, seconds in tally.used.items():
        Secret.objects.filter(pk=secret_id).update(last_used_at=_moment(seconds))
    for source_id, seconds in tally.heard.items():
        Source.objects.filter(pk=source_id).update(last_event_at=_moment(seconds))


def _write_refused_and_wanted(tally: Tally, now: datetime) -> None:
    named = {source_id for source_id, _ in (*tally.refused, *tally.wanted) if source_id}
    # Counts of a source that is gone would fail every time, and all others with them.
    known = {None, *Source.objects.filter(pk__in=named).values_list("pk", flat=True)}
    # Sorted, so that two processes never lock rows in different orders.
    for (source_id, reason), count in sorted(tally.refused.items(), key=str):
        if source_id in known:
            _count_refusal(source_id, reason, count=count, now=now)
    for source_id, url in sorted(tally.wanted):
        if source_id in known:
            want(source_id, url, now)


def want(source_id: uuid.UUID, url: str, now: datetime) -> None:
    """Ask for a document: a new row that is due, or an old one again after five minutes.

    What failed keeps the time of its next try. A source that has asked for too many gives up the
    oldest that never came; where there is none, the wish is dropped.
    """
    rows = Document.objects.filter(source_id=source_id)
    if rows.filter(url=url).exists():
        old = now - timedelta(seconds=DOCUMENT_AGE_S)
        rows.filter(url=url, failures=0, fetched_at__lt=old).update(due_at=now)
        return
    if rows.count() >= MAX_DOCUMENTS:
        lost = rows.filter(content=None, failures__gt=0).order_by("created_at").first()
        if lost is None:
            return
        lost.delete()
    Document.objects.get_or_create(source_id=source_id, url=url, defaults={"due_at": now})


def try_write(tally: Tally) -> bool:
    """Write from a thread of one's own; False when the database cannot now."""
    try:
        write(tally, datetime.now(UTC))
    except DatabaseError as error:
        log.warning("counts_not_written", error=repr(error))
        connection.close()
        return False
    return True


def _count_refusal(source_id: uuid.UUID | None, reason: str, *, count: int, now: datetime) -> None:
    hour = now.replace(minute=0, second=0, microsecond=0)
    rows = Refusal.objects.filter(reason=reason, hour=hour)
    row = rows.filter(source_id=source_id) if source_id else rows.filter(source=None)
    if row.update(count=F("count") + count, last_at=now):
        return
    try:
        with transaction.atomic():
            Refusal.objects.create(
                source_id=source_id, reason=reason, hour=hour, count=count, last_at=now
            )
    except IntegrityError:  # another process was first
        row.update(count=F("count") + count, last_at=now)


def _write_copies(copies: Counter[uuid.UUID]) -> None:
    # Sorted, as above.
    rows = [(copies[event], event) for event in sorted(copies)]
    if not rows:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE webhooks_event SET duplicates = duplicates + %s WHERE id = %s", rows
        )
    copies.clear()


def _write_copies_between_deliveries(copies: Counter[uuid.UUID]) -> None:
    """Where a database has one writer: one statement, and with it one commit, at a time.

    While it runs, deliveries wait for the database. With a statement for each event they would also
    wait, between two of them, until the event loop lets this thread go on: 90 ms for a hundred.
    """
    by_count: dict[int, list[uuid.UUID]] = {}
    for event, count in copies.items():
        by_count.setdefault(count, []).append(event)
    for count, events in by_count.items():
        for start in range(0, len(events), COUNTED):
            part = events[start : start + COUNTED]
            begun = monotonic()
            Event.objects.filter(pk__in=part).update(duplicates=F("duplicates") + count)
            for event in part:
                del copies[event]
            if copies:
                sleep(min(MOST_PAUSE_S, max(PAUSE_S, RESTS * (monotonic() - begun))))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
