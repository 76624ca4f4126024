"""The records: canonical bytes that never change, and columns by which people find them."""

import uuid
from typing import Any, NoReturn

from django.db import models
from uuid_utils.compat import uuid7


class Immutable(Exception):
    """Audit records are written once; nothing changes or deletes them."""


class RecordQuerySet(models.QuerySet["AuditRecord"]):
    """Reads only: every bulk write raises."""

    def of_tenant(self, tenant: str) -> "RecordQuerySet":
        """The records of one tenant, by its public id."""
        return self.filter(tenant=tenant)

    def update(self, **fields: Any) -> NoReturn:
        """Refused."""
        raise Immutable("audit records cannot be changed")

    def delete(self) -> NoReturn:
        """Refused."""
        raise Immutable("audit records cannot be deleted")

    def bulk_update(self, *args: Any, **options: Any) -> NoReturn:
        """Refused."""
        raise Immutable("audit records cannot be changed")


class AuditRecord(models.Model):
    """One immutable line. `body` holds the RFC 8785 text, `body_sha256` is its digest.

    The other columns repeat parts of the body for search only; they are never evidence.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    log = models.CharField(
        max_length=40, help_text="Whose tree: the tenant's public id, or system."
    )
    tenant = models.CharField(max_length=40, null=True)  # noqa: DJ001 - null is "no tenant"
    environment = models.CharField(max_length=40, null=True)  # noqa: DJ001 - null is "tenant-wide"
    occurred_at = models.DateTimeField()
    action = models.CharField(max_length=80)
    outcome = models.CharField(max_length=20)
    reason = models.CharField(max_length=200, blank=True)
    actor_kind = models.CharField(max_length=20)
    actor_id = models.CharField(max_length=80)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=80)
    correlation_id = models.CharField(max_length=128)
    body = models.TextField()
    body_sha256 = models.CharField(max_length=64)
    body_json = models.JSONField(help_text="A copy for search; the evidence is `body`.")

    objects = RecordQuerySet.as_manager()

    class Meta:
        verbose_name = "audit record"
        indexes = [
            models.Index(fields=["log", "-id"], name="audit_log_newest"),
            models.Index(fields=["tenant", "-occurred_at"], name="audit_tenant_when"),
            models.Index(fields=["target_id", "id"], name="audit_target"),
            models.Index(fields=["actor_id", "id"], name="audit_actor"),
            models.Index(fields=["correlation_id", "id"], name="audit_correlation"),
            models.Index(fields=["action", "id"], name="audit_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a new record; an existing one is refused."""
        if not self._state.adding:
            raise Immutable("audit records cannot be changed")
        options["force_insert"] = True
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refused."""
        raise Immutable("audit records cannot be deleted")


class RefusalCount(models.Model):
    """How often one actor was refused for one reason within one minute, beyond the first record."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    minute = models.DateTimeField()
    action = models.CharField(max_length=80)
    reason = models.CharField(max_length=200)
    actor_id = models.CharField(max_length=80)
    tenant = models.CharField(max_length=40, blank=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "action", "reason", "actor_id", "tenant"],
                name="audit_refusal_once_a_minute",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.reason} × {self.count}"
