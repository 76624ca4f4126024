"""Where the audit log goes as it grows: to custodians of checkpoints, and to sinks of records."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gateway.lib.rows import Row, ScopedQuerySet
from gateway.lib.work import DueColumns

ADDRESS_LENGTH = 500


class Kind(models.TextChoices):
    """What is delivered."""

    CHECKPOINTS = "checkpoints", _("Checkpoints")
    RECORDS = "records", _("Records")


class OutletQuerySet(ScopedQuerySet):
    """Outlets as the worker and the operator look for them."""

    def of_log(self, log: str) -> "OutletQuerySet":
        """Where one log goes, or went."""
        return self.filter(log=log)

    def open(self) -> "OutletQuerySet":
        """Those that the settings name now."""
        return self.filter(is_open=True)

    def failing(self) -> "OutletQuerySet":
        """Those whose last delivery failed: what they hold is older than what there is."""
        return self.open().filter(failures__gt=0)


class Outlet(Row, DueColumns):
    """One log on its way to one address. Made from the settings, never by a tenant.

    `position` is the cursor: the size of the last checkpoint that arrived, or the index of the next
    leaf to deliver. It moves only after the other side has taken something, so everything arrives
    at least once and in order.
    """

    PREFIX = "out"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    log = models.CharField(max_length=40)
    address = models.CharField(max_length=ADDRESS_LENGTH)
    position = models.BigIntegerField(default=0)
    is_open = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = OutletQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "log", "address"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "log", "address"], name="outlet_once"),
            models.CheckConstraint(name="outlet_kind", condition=Q(kind__in=Kind.values)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.log} to {self.place}"

    @property
    def place(self) -> str:
        """Where to, without what an address may keep secret."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}:{parts.hostname or parts.path.rpartition('@')[2]}"
