"""A delivery that carried several events becomes one event for each of them.

Some hundred items at a time, so that ten thousand do not hold the database; each of these
transactions repeats harmlessly, and the delivery has ended only once all of them are committed.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from gateway.lib.broker import JobName, ring
from gateway.lib.clock import database_now
from webhooks.models import ID_LENGTH, TYPE_LENGTH, Event
from webhooks.schemes.base import Split
from webhooks.schemes.items import Item, NotAList, cut
from webhooks.services.outcomes import Done, Hopeless
from webhooks.states import EventStatus

BATCH = 500


def is_delivery(event: Event) -> bool:
    """Whether its body carries several events; an item itself is never split again."""
    return event.delivery_id is None and event.source.rules.split is not None


def split(event: Event) -> Done:
    """Store one event for each item that is not there yet.

    An item that another delivery brought before counts as a duplicate of the row that is there.
    A replay attaches to the items that exist. Raises Hopeless for a body that is not the list it
    should be.
    """
    rules = event.source.rules.split or Split()
    try:
        items = cut(event.raw, rules)
    except NotAList as error:
        raise Hopeless(f"It cannot be split into its events: {error}") from error
    rows = [_row(event, item, rules) for item in items]
    new = sum(_store(event, rows[at : at + BATCH]) for at in range(0, len(rows), BATCH))
    ring(JobName.PROCESS_EVENTS)
    return Done(f"split into {len(rows)} ({new} new)", event.event_type, had_effect=True)


def id_of(delivery: Event, item: Item, rules: Split) -> str:
    """What the item is known by within its source; its place in the delivery where it has no id."""
    found = item.id(rules)
    if not found or found == delivery.event_id or not found.isprintable():
        place = f"#{item.number}"
        head = delivery.event_id
        return (head if len(head) + len(place) <= ID_LENGTH else _digest(head)) + place
    return found if len(found) <= ID_LENGTH else _digest(found)


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _row(delivery: Event, item: Item, rules: Split) -> Event:
    return Event(
        environment_id=delivery.environment_id,
        source_id=delivery.source_id,
        event_id=id_of(delivery, item, rules),
        event_type=(item.type(rules) or delivery.event_type)[:TYPE_LENGTH],
        received_at=delivery.received_at,
        sent_at=delivery.sent_at,
        body=item.raw,
        body_sha256=hashlib.sha256(item.raw).hexdigest(),
        status=EventStatus.RECEIVED,
        due_at=database_now(),
        correlation_id=delivery.correlation_id,
        delivery=delivery,
        item_index=item.number,
    )


@transaction.atomic
def _store(delivery: Event, rows: Sequence[Event]) -> int:
    """Insert those that are missing and count the others; how many this delivery brought first."""
    known = _known(rows)
    # In the order of their ids: two deliveries with the same items never wait for each other.
    missing = {row.event_id: row for row in reversed(rows) if row.event_id not in known}
    Event.objects.bulk_create(
        [missing[event_id] for event_id in sorted(missing)], ignore_conflicts=True
    )
    if missing:
        known = _known(rows)
    own = [known[row.event_id] == (delivery.pk, row.item_index) for row in rows]
    if delivery.replays:
        return len(missing)
    _count_duplicates([row for row, is_own in zip(rows, own, strict=True) if not is_own])
    return sum(own)


def _known(rows: Sequence[Event]) -> dict[str, tuple[object, int | None]]:
    """Which delivery brought which of these items first, and where they stood in it."""
    wanted = {row.event_id for row in rows}
    found = Event.objects.filter(source=rows[0].source_id, event_id__in=wanted)
    columns = found.values_list("event_id", "delivery_id", "item_index")
    return {event_id: (delivery, index) for event_id, delivery, index in columns}


def _count_duplicates(rows: Sequence[Event]) -> None:
    for event_id, count in sorted(Counter(row.event_id for row in rows).items()):
        found = Event.objects.filter(source=rows[0].source_id, event_id=event_id)
        found.update(duplicates=F("duplicates") + count)
