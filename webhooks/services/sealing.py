"""Accepted events in the audit log: their digests, many in one record, each of them exactly once.

An event is evidence itself and has no record of its own. Its row says in which record it is sealed;
the row and the record are written in one transaction. A body that was pruned stays provable: its
digest is in the row and in the record, for whoever has the bytes elsewhere.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Scope, Target
from audit.models import AuditRecord
from gateway.lib import ids
from gateway.lib.errors import StaleState
from gateway.tenants.models import Environment
from webhooks.models import Event
from webhooks.services import limiting

CHUNK = 1024
# One record is read as a whole by people and pages, so it stays below some 25 kB.
BATCH = 128
# An event that is older than this is sealed, unless no worker runs.
WITHIN_S = 60
SHOWN = 20
# What is never changed, not even by pruning.
FACTS = (
    "environment_id", "source_id", "event_id", "body_sha256", "correlation_id", "delivery_id",
    "item_index",
)  # fmt: skip
COLUMNS = ("pk", "received_at", "headers", *FACTS)


class Digests(NamedTuple):
    """What a record holds of one event: of its lasting facts, and of its headers where it has any.

    The facts include the digest of the body.
    """

    event: str
    headers: str | None


def seal_chunk() -> int:
    """Seal up to 1,024 of the oldest events that are not sealed yet; how many."""
    # Where rows cannot be skipped they are read before anything is locked, as in `recording`.
    can_skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic() if can_skip else nullcontext():
        rows = limiting.locked(Event.objects.filter(sealed_in=None).order_by("pk"))
        found = list(rows.values(*COLUMNS)[:CHUNK])
        if found:
            _seal(found)
    return len(found)


def digests(row: dict[str, Any]) -> Digests:
    """The digests of an event, from its columns."""
    facts = {name: None if row[name] is None else str(row[name]) for name in FACTS}
    facts["received_at"] = row["received_at"].isoformat(timespec="microseconds")
    headers = None if row["headers"] is None else _sha256(row["headers"])
    return Digests(digest({"id": _public(row["pk"]), **facts}), headers)


def _seal(rows: Sequence[dict[str, Any]]) -> None:
    by_place: dict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_place[row["environment_id"]].append(row)
    places = Environment.objects.select_related("tenant").in_bulk(by_place)
    sealed = [
        (_draft(batch, places[place].audit_scope), [row["pk"] for row in batch])
        for place, mine in by_place.items()
        for batch in (mine[at : at + BATCH] for at in range(0, len(mine), BATCH))
    ]
    with transaction.atomic():
        audit.append(*(record for record, _ in sealed))
        for record, pks in sealed:
            rows_of = Event.objects.filter(pk__in=pks, sealed_in=None)
            if rows_of.update(sealed_in=record.pk) != len(pks):
                # Somebody else sealed one of them meanwhile: nothing of this stays.
                raise StaleState("Events were sealed by another worker.", row=str(record.pk))


def _draft(rows: Sequence[dict[str, Any]], scope: Scope) -> AuditRecord:
    return audit.draft(
        AuditAction.EVENTS_SEALED,
        target=Target("events", _public(rows[0]["pk"])),
        scope=scope,
        meta={"count": len(rows), "events": {_public(row["pk"]): digests(row) for row in rows}},
    )


class SealedEvents:
    """Compares events with what was sealed of them; one for each verification."""

    def __init__(self) -> None:
        self.seen = 0

    def check(self, record: uuid.UUID, meta: dict[str, Any]) -> Iterator[str]:
        """The events of one record that were changed, moved or removed."""
        sealed = {ids.decode(Event.PREFIX, name): Digests(*of) for name, of in _events(meta)}
        rows = Event.objects.filter(pk__in=sealed)
        found = {row["pk"]: row for row in rows.values(*COLUMNS, "body", "pruned_at", "sealed_in")}
        self.seen += len(found)
        for pk, wanted in sealed.items():
            row = found.get(pk)
            wrong = ["row, which is gone"] if row is None else list(_wrong(row, wanted, record))
            if wrong:
                yield f"event {_public(pk)} is not as it was sealed: {', '.join(wrong)}"

    def rest(self) -> Iterator[str]:
        """Events that no record holds."""
        old = timezone.now() - timedelta(seconds=WITHIN_S)
        waiting = Event.objects.filter(sealed_in=None, received_at__lt=old).order_by("pk")
        for pk in waiting.values_list("pk", flat=True)[:SHOWN]:
            yield f"event {_public(pk)} is in no record: does the worker run?"
        if Event.objects.exclude(sealed_in=None).count() != self.seen:
            for pk, sealed_in in _pretenders():
                yield f"event {_public(pk)} claims record {sealed_in}, which does not hold it"


def _wrong(row: dict[str, Any], wanted: Digests, record: uuid.UUID) -> Iterator[str]:
    now = digests(row)
    if now.event != wanted.event:
        yield "id, source, time or digest"
    if row["body"] is not None and _sha256(row["body"]) != row["body_sha256"]:
        yield "body"
    if row["body"] is None and row["pruned_at"] is None:
        yield "body, which is gone and was not pruned"
    is_there = row["headers"] is not None or row["pruned_at"] is None
    if is_there and now.headers != wanted.headers:
        yield "headers"
    if row["sealed_in"] != record:
        yield "record"


def _pretenders() -> Iterator[tuple[uuid.UUID, uuid.UUID]]:
    """The events that are not in the record that they name."""
    after = uuid.UUID(int=0)
    while True:
        rows = Event.objects.exclude(sealed_in=None).filter(pk__gt=after).order_by("pk")
        if not (chunk := list(rows.values_list("pk", "sealed_in")[:CHUNK])):
            return
        records = AuditRecord.objects.in_bulk({sealed_in for _, sealed_in in chunk})
        for pk, sealed_in in chunk:
            held = records[sealed_in].body_json.get("meta", {}) if sealed_in in records else {}
            if _public(pk) not in dict(_events(held)):
                yield pk, sealed_in
        after = chunk[-1][0]


def _events(meta: dict[str, Any]) -> Any:
    """Names and digests as a record holds them; none in what is no such record."""
    held = meta.get("events")
    return held.items() if isinstance(held, dict) else ()


def _public(pk: uuid.UUID) -> str:
    return ids.encode(Event.PREFIX, pk)


def _sha256(value: Any) -> str:
    return hashlib.sha256(bytes(value)).hexdigest()
