"""The events that sources accepted, and what people ordered of them."""

from typing import Any, ClassVar

from django.db import connections, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from gateway.lib import ids
from gateway.lib.packedfield import PackedField
from gateway.lib.rows import EnvironmentRow, Row, ScopedQuerySet
from gateway.lib.states import Machine
from gateway.lib.work import DueColumns
from gateway.tenants.models import Environment, User
from webhooks.headers import ITEM_TYPE, content_type_in, pairs_of
from webhooks.models.sources import Source
from webhooks.states import EVENT, EventStatus

TYPE_LENGTH = ID_LENGTH = 128
SHA256_HEX_LENGTH = 64


class EventQuerySet(ScopedQuerySet):
    """Events as people and the worker look for them."""

    def for_lists(self) -> "EventQuerySet":
        """With what a row of a list shows, in one query and without the bodies."""
        return self.select_related("source", "environment__tenant").defer("body", "headers")

    def open(self) -> "EventQuerySet":
        """Those that something still has to be done with: exactly the rows of the partial index."""
        return self.filter(due_at__isnull=False)

    def due(self) -> "EventQuerySet":
        """Those whose time has come: new ones, failed ones, and those whose worker was lost."""
        # SQLite's own clock counts whole milliseconds: what is due this instant would not be.
        now = timezone.now() if connections[self.db].vendor == "sqlite" else Now()
        return self.filter(due_at__lte=now)


class Event(EnvironmentRow, DueColumns):
    """One accepted webhook, byte for byte as verified.

    `due_at` is set exactly while something is still to be done; in `processing` it is the end of
    the lease. `replay_digest` holds the digest of the signed bytes where the scheme does not sign
    the id: it is unique per source, so the same of them under another id can only be quarantined.
    An item of a delivery that carried several events names the `delivery`; its body is the item's
    own bytes. `fetched` is what the provider told when a thin event was looked up.
    `webhooks/ingest` inserts these rows by SQL of its own; a test holds the two together.
    """

    PREFIX = "evt"
    machine: ClassVar[Machine] = EVENT

    created_at = None  # type: ignore[assignment]  # received_at says it
    # Neither is ever deleted, and the database's own check of them for every row would cost a
    # third of an insert and lock the source's row (docs/decisions.md).
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, related_name="events", db_index=False, db_constraint=False
    )
    event_id = models.CharField(max_length=ID_LENGTH)
    event_type = models.CharField(max_length=TYPE_LENGTH, blank=True)
    received_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    headers = models.BinaryField(null=True, help_text="`name: value` lines, as received.")
    body = PackedField(null=True)
    body_sha256 = models.CharField(max_length=SHA256_HEX_LENGTH)
    replay_digest = models.CharField(max_length=SHA256_HEX_LENGTH, null=True, blank=True)  # noqa: DJ001 - null leaves the unique index
    status = models.CharField(
        max_length=20, choices=EventStatus.choices, default=EventStatus.RECEIVED
    )
    lost_leases = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True)
    route = models.CharField(max_length=120, blank=True)
    correlation_id = models.CharField(max_length=128)
    run_id = models.UUIDField(null=True, blank=True)
    delivery = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="items",
        db_index=False,
    )
    item_index = models.PositiveIntegerField(null=True, blank=True)
    fetched = models.BinaryField(null=True)
    fetched_sha256 = models.CharField(max_length=SHA256_HEX_LENGTH, blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    # Events of one source with the same key are processed one after the other.
    order_key = models.CharField(max_length=SHA256_HEX_LENGTH, blank=True)
    duplicates = models.PositiveIntegerField(default=0)
    replays = models.PositiveIntegerField(default=0)
    # How often somebody ordered its effects as new ones, beside those that exist.
    renewals = models.PositiveIntegerField(default=0, db_default=0)
    pruned_at = models.DateTimeField(null=True, blank=True)
    # The audit record that holds its digests; written once, by `services/sealing.py`.
    sealed_in = models.UUIDField(null=True, blank=True)

    objects: ClassVar[Any] = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "event_id"], name="event_once"),
            models.UniqueConstraint(
                fields=["source", "replay_digest"],
                name="event_bytes_once",
                condition=Q(replay_digest__isnull=False),
            ),
            models.CheckConstraint(name="event_status", condition=Q(status__in=EventStatus.values)),
        ]
        indexes = [
            models.Index(fields=["environment", "id"], name="event_environment"),
            # Rows of the ordinary way are in neither: an insert pays nothing for them.
            models.Index(fields=["environment"], name="event_dead", condition=Q(status="dead")),
            models.Index(
                fields=["environment"], name="event_apart", condition=Q(status="quarantined")
            ),
            models.Index(fields=["due_at"], name="event_due", condition=Q(due_at__isnull=False)),
            models.Index(fields=["run_id"], name="event_run", condition=Q(run_id__isnull=False)),
            models.Index(fields=["id"], name="event_unsealed", condition=Q(sealed_in__isnull=True)),
            models.Index(
                fields=["delivery"], name="event_delivery", condition=Q(delivery__isnull=False)
            ),
        ]

    @property
    def header_pairs(self) -> list[tuple[str, str]]:
        """The kept headers in the order of arrival; an item's are those of its delivery."""
        kept = self.headers
        if self.delivery_id is not None:
            kept = Event.objects.filter(pk=self.delivery_id).values_list("headers", flat=True).get()
        return pairs_of(kept)

    @property
    def content_type(self) -> str:
        """How the body is written; an item is always a piece of JSON."""
        if self.delivery_id is not None:
            return ITEM_TYPE
        return content_type_in(self.header_pairs)

    @property
    def raw(self) -> bytes:
        """The exact bytes that were verified; empty once they were pruned."""
        return bytes(self.body or b"")

    @property
    def content(self) -> bytes:
        """What the event says: what was fetched for a thin one, else its own bytes."""
        return bytes(self.fetched or b"") if self.fetched_at else self.raw

    @property
    def effect_key(self) -> str:
        """What makes its effects the same ones however often it is processed."""
        return f"{self.public_id}#r{self.renewals}" if self.renewals else self.public_id

    @property
    def delivery_public_id(self) -> str:
        """The delivery that it was an item of; empty for an event that came alone."""
        return ids.encode(self.PREFIX, self.delivery_id) if self.delivery_id else ""

    def facts(self) -> dict[str, Any]:
        """What a route's filter and a policy see of the event itself."""
        return {
            "id": self.event_id,
            "type": self.event_type,
            "source": self.source.slug,
            "received_at": self.received_at.isoformat(),
            "sent_at": self.sent_at.isoformat() if self.sent_at else "",
            "delivery": self.delivery_public_id,
        }


class EventOrder(Row):
    """That a person had an event made, or its effects again: they stand behind what it asks for.

    A test is noted before it is sent, so it names bytes of a source, not an event.
    """

    PREFIX = "ord"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="orders")
    body_sha256 = models.CharField(max_length=SHA256_HEX_LENGTH)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "body_sha256", "user"], name="order_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.body_sha256[:12]}"
