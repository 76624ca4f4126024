"""What sources need to verify, and counts of what they refused."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from gateway.lib.rows import Row, ScopedQuerySet
from webhooks.models.sources import Source


class DocumentQuerySet(ScopedQuerySet):
    """Documents as the worker looks for them."""

    def due(self, now: datetime) -> "DocumentQuerySet":
        """Those that have to be fetched now."""
        return self.filter(due_at__lte=now)


class Document(Row):
    """A key or certificate that a scheme needs, fetched by a worker from where the scheme allows.

    The intake never goes out: it asks for an address by inserting a row that is due, and refuses
    for the moment. `content` is NULL until it was fetched.
    """

    PREFIX = "doc"

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="documents")
    url = models.CharField(max_length=500)
    content = models.BinaryField(null=True)
    fetched_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)

    objects: ClassVar[Any] = DocumentQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "url"], name="document_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="document_due", condition=Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.url


class Refusal(Row):
    """How many deliveries were refused for one reason within one hour; nothing of what was sent."""

    PREFIX = "rfs"

    source = models.ForeignKey(
        Source, on_delete=models.PROTECT, null=True, blank=True, related_name="refusals"
    )
    reason = models.CharField(max_length=40)
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["-hour"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "reason", "hour"],
                name="refusal_once",
                condition=Q(source__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["reason", "hour"],
                name="refusal_unknown_once",
                condition=Q(source__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.reason}"
