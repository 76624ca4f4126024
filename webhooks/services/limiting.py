"""Sources that process only so many events at once, or events of one key in order of receipt.

A source may set `concurrency` and `order_by` (a place such as `body:customer.id`). Who claims
events of such a source holds the source's row meanwhile, so that two claims never count the same
free place or the same head of a key.
"""

import hashlib
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, UUIDField, Window
from django.db.models.functions import Coalesce, Length, RowNumber

from gateway.lib.clock import database_now
from webhooks.models import Event, Source
from webhooks.schemes import bodies
from webhooks.schemes.base import Place, Where
from webhooks.states import EventStatus

CONCURRENCY, ORDER_BY = "concurrency", "order_by"
# All deliveries that are split come after each other, because their items do.
SPLIT = "delivery"


def place_of(text: str) -> Place:
    """Where the key stands; raises ValueError where no event has such a place."""
    place = Place.parse(text)
    if place.where not in {Where.BODY, Where.HEADER}:
        raise ValueError("An order key stands in the body or in a header.")
    return place


def is_limited(source: Source) -> bool:
    """Whether its events may not simply be taken as they come."""
    return CONCURRENCY in source.settings or ORDER_BY in source.settings


def prepare(count: int) -> list[Source]:
    """All limited sources; up to `count` events of each get the key by which they are ordered.

    In the order of receipt, so that an event with a key never has an earlier one without.
    """
    limits = Q(settings__has_key=CONCURRENCY) | Q(settings__has_key=ORDER_BY)
    limited = list(Source.objects.filter(limits))
    for source in limited:
        if ORDER_BY in source.settings:
            _give_keys(source, count)
    return limited


def _give_keys(source: Source, count: int) -> None:
    rows = _of(source, Event.objects.open()).filter(order_key="").order_by("pk")
    new = list(rows.defer("fetched")[:count])
    for event in new:
        event.source = source
        event.order_key = key_of(event)
    Event.objects.bulk_update(new, ["order_key"])


def key_of(event: Event) -> str:
    """The SHA-256 of what stands at the source's place; an event without it has its own key."""
    source = event.source
    if source.rules.split and event.delivery_id is None:
        return _digest(SPLIT, "")
    place = place_of(source.settings[ORDER_BY])
    if place.where is Where.HEADER:
        text = dict(reversed(event.header_pairs)).get(place.name, "")
    else:
        media_type = event.content_type.encode("latin-1")
        text = bodies.text_of(bodies.member(bodies.read(event.raw, media_type), place.name))
    return _digest("key", text) if text else _digest("event", str(event.pk))


def _digest(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode("utf-8", "surrogatepass")).hexdigest()


def free(source: Source, count: int) -> list[Event]:
    """Up to `count` due events of the source that may be taken now; within a transaction."""
    held = Source.objects.filter(pk=source.pk)
    if connection.features.has_select_for_no_key_update:
        # Not the stronger lock: storing an event looks at its source's row as well.
        held = held.select_for_update(no_key=True)
    settings = held.values_list("settings", flat=True).get()
    due, open_rows = _of(source, Event.objects.due()), _of(source, Event.objects.open())
    under_way = open_rows.filter(status=EventStatus.PROCESSING, due_at__gt=database_now())
    busy = list(under_way.values_list("order_key", flat=True))
    if ORDER_BY in settings:
        due = due.filter(pk__in=_heads(open_rows)).exclude(order_key__in=busy)
    if CONCURRENCY in settings:
        count = min(count, settings[CONCURRENCY] - len(busy))
    rows = locked(due.order_by("pk")).defer("body", "headers", "fetched")
    return list(rows.annotate(size=Coalesce(Length("body"), 0))[: max(0, count)])


def _of(source: Source, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the source, found by the index of open rows.

    Written so that no database takes the index by source instead, which holds all there ever were.
    """
    same = Coalesce(F("source_id"), F("source_id"), output_field=UUIDField())
    return rows.annotate(of_source=same).filter(of_source=source.pk)


def _heads(open_rows: QuerySet[Any]) -> QuerySet[Any]:
    """The first event of each key."""
    place = Window(RowNumber(), partition_by=[F("order_key")], order_by=F("pk").asc())
    return open_rows.exclude(order_key="").annotate(place=place).filter(place=1).values("pk")


def locked(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows under lock, without those that somebody else holds, where the database can."""
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, of=("self",))
    return rows
