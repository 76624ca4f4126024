"""Events that only have to be recorded: ended many at a time, without a claim of their own.

Nothing is done for such an event but finding its type, so nothing can happen halfway: one
transaction moves it from `received` to its end, and needs neither a lease nor a fencing token. Most
of a burst is of this kind, and costs a fraction of what a claimed event does.
"""

import threading
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from django.db import connection, transaction
from django.db.models import F, Prefetch, QuerySet, UUIDField
from django.db.models.functions import Coalesce, Length

from gateway.lib import ids, live
from gateway.lib.states import move_all
from webhooks.headers import ITEM_TYPE, content_type_of
from webhooks.models import Event, Route, Source
from webhooks.services import limiting
from webhooks.services.fetching import may_be_thin
from webhooks.services.planning import recorder_of, type_of
from webhooks.states import EventStatus

log = structlog.get_logger(__name__)
CHUNK = 500
# In one transaction where the database has one writer: between two the intake gets its turn.
WRITTEN = 100
# Larger bodies are claimed like other events, which bounds what is in memory at once.
MAX_BYTES = 16 * 1024
# Held from reading rows to their end where a database cannot skip what another thread has read:
# both would end the same ones, and the later one take its own for events of another kind.
TURN = threading.Lock()
COLUMNS = ("pk", "source_id", "event_type", "body", "headers", "delivery_id")


class Ending(NamedTuple):
    """How events of one kind end: the route's name, and the type that was found."""

    route: str
    event_type: str


Endings = dict[Ending, list[uuid.UUID]]


def record_chunk() -> int:
    """End up to 500 of the oldest due events that are only recorded; how many there were.

    Those that stand behind the 500th due event wait for another turn, so that events of this kind
    never overtake others that are due for longer.
    """
    plain = _plain_sources()
    if not plain:
        return 0
    # Where rows cannot be skipped, they are read before anything is locked: the database has one
    # writer, and nobody writes while its lock is held.
    can_skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic() if can_skip else TURN:
        rows = list(limiting.locked(_due(plain)).values_list(*COLUMNS)[:CHUNK])
        ended = _end(_by_ending(rows, plain), at_once=CHUNK if can_skip else WRITTEN)
    if ended:
        _tell(plain.values(), rows[-1][0])
    return ended


def _plain_sources() -> dict[uuid.UUID, Source]:
    """The sources of the oldest due events of which every event is only recorded."""
    oldest = Event.objects.due().order_by("due_at").values("source_id")[:CHUNK]
    routes = Prefetch("routes", Route.objects.select_related("agent", "provider"))
    rows = Source.objects.select_related("environment__tenant", "provider")
    found = rows.prefetch_related(routes).filter(pk__in=oldest)
    return {source.pk: source for source in found if _is_plain(source)}


def _is_plain(source: Source) -> bool:
    """Whether no event of the source can lead to anything, whatever it says."""
    rules = source.rules
    is_whole = rules.split is None and rules.confirm is None and not may_be_thin(source)
    return is_whole and not limiting.is_limited(source) and recorder_of(source) is not None


def _due(plain: Collection[uuid.UUID]) -> QuerySet[Any]:
    """Those of these sources, found by the index of open rows.

    Written so that no database takes the index by source instead, which holds all there ever were.
    """
    source = Coalesce(F("source_id"), F("source_id"), output_field=UUIDField())
    rows = Event.objects.due().filter(status=EventStatus.RECEIVED, body__isnull=False)
    small = rows.annotate(of_source=source, size=Length("body")).filter(size__lte=MAX_BYTES)
    return small.filter(of_source__in=plain).order_by("due_at")


def _by_ending(rows: list[Any], plain: Mapping[uuid.UUID, Source]) -> Endings:
    names = {pk: recorder[0] for pk, source in plain.items() if (recorder := recorder_of(source))}
    found: Endings = defaultdict(list)
    for pk, source_id, event_type, body, headers, delivery_id in rows:
        try:
            event_type = event_type or _type_in(plain[source_id], body, headers, delivery_id)
        except Exception as error:  # claimed like others, where one bad event stops nobody
            log.warning("event_not_recorded", id=ids.encode(Event.PREFIX, pk), error=repr(error))
            continue
        found[Ending(names[source_id], event_type)].append(pk)
    return found


def _type_in(source: Source, body: Any, headers: Any, delivery: uuid.UUID | None) -> str:
    kind = ITEM_TYPE if delivery is not None else content_type_of(headers)
    return type_of(source, bytes(body), kind)


def _end(endings: Endings, *, at_once: int = CHUNK) -> int:
    """Move those that are still waiting; whoever claimed one meanwhile keeps it. How many moved."""
    total = 0
    for ending, pks in endings.items():
        ended = sum(_move(pks[at : at + at_once], ending) for at in range(0, len(pks), at_once))
        total += ended
        if ended:
            # One line for all of them; the intake has written one for each.
            first, last = (ids.encode(Event.PREFIX, pks[at]) for at in (0, -1))
            log.info(
                "events",
                status=EventStatus.PROCESSED,
                route=ending.route,
                count=ended,
                first=first,
                last=last,
            )
    return total


def _move(pks: list[uuid.UUID], ending: Ending) -> int:
    return move_all(
        Event.objects.filter(pk__in=pks), EventStatus.RECEIVED, EventStatus.PROCESSED,
        due_at=None, reason="", attempts=F("attempts") + 1, **ending._asdict(),
    )  # fmt: skip


def _tell(sources: Iterable[Source], last: uuid.UUID) -> None:
    """One piece of news for each desk: listeners read the rows anyway."""
    for topic in {source.environment.live_topic for source in sources}:
        live.publish(topic, {"kind": "event", "id": ids.encode(Event.PREFIX, last)})
