"""The records, whose canonical bytes never change, their places in a tree, and its checkpoints."""

import uuid
from typing import Any, NoReturn

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from audit.inserting import insert


class Immutable(Exception):
    """Records, leaves and checkpoints are written once; nothing changes or deletes them."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Reads and inserts only: every other bulk write raises."""

    def update(self, **fields: Any) -> NoReturn:
        """Refused."""
        raise Immutable("the audit log cannot be changed")

    def delete(self) -> NoReturn:
        """Refused."""
        raise Immutable("the audit log cannot be deleted")

    def bulk_update(self, *args: Any, **options: Any) -> NoReturn:
        """Refused."""
        raise Immutable("the audit log cannot be changed")


class AppendOnly(models.Model):
    """A row that is written once. Triggers refuse the rest inside the database (`triggers.py`)."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a new row; an existing one is refused. No option of Django's changes that."""
        if not self._state.adding:
            raise Immutable("the audit log cannot be changed")
        insert(self)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refused."""
        raise Immutable("the audit log cannot be deleted")


class RecordQuerySet(AppendOnlyQuerySet):
    """What is asked of records."""

    def of_tenant(self, tenant: str) -> "RecordQuerySet":
        """The records of one tenant, by its public id."""
        return self.filter(tenant=tenant)


class AuditRecord(AppendOnly):
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
            # Pages of the newest ones: without it each would sort all records of the tenant.
            models.Index(fields=["tenant", "-id"], name="audit_tenant_newest"),
            models.Index(fields=["tenant", "-occurred_at"], name="audit_tenant_when"),
            models.Index(fields=["target_id", "id"], name="audit_target"),
            models.Index(fields=["actor_id", "id"], name="audit_actor"),
            models.Index(fields=["correlation_id", "id"], name="audit_correlation"),
            models.Index(fields=["action", "id"], name="audit_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"


class Leaf(AppendOnly):
    """The place of one record in its log's tree (RFC 6962).

    A leaf also holds the hashes of the perfect subtrees that it completed. So the hash of every
    perfect subtree is in exactly one row, and roots and proofs need few rows (`tree.py`).
    """

    record = models.OneToOneField(AuditRecord, models.PROTECT, primary_key=True)
    log = models.CharField(max_length=40)
    leaf_index = models.BigIntegerField(help_text="Counts from 0, without gaps, in each log.")
    leaf_hash = models.CharField(max_length=64)
    completed = models.TextField(
        blank=True, help_text="The completed subtrees above the leaf, smallest first, in hex."
    )

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["log", "leaf_index"], name="audit_leaf_place")
        ]

    def __str__(self) -> str:
        return f"{self.log} {self.leaf_index}"


class Checkpoint(AppendOnly):
    """A tree's size and root, signed. `note` is the evidence; the rest is there to find it by."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    log = models.CharField(max_length=40)
    size = models.BigIntegerField()
    root = models.CharField(max_length=64)
    note = models.TextField(help_text="The C2SP checkpoint, as it was published.")
    signed_at = models.DateTimeField(default=timezone.now)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["log", "size"], name="audit_checkpoint_once")
        ]

    def __str__(self) -> str:
        return f"{self.log} {self.size}"


class Pending(models.Model):
    """A record without a leaf. A trigger adds it with the record; the sequencer removes it."""

    record_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.record_id)


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


class Verification(models.Model):
    """What the last look at one log found, and the look that somebody asked for.

    It is news for people, no evidence. The last columns are those of a row that is due; the worker
    that verifies holds it (`gateway/verifying.py`).
    """

    log = models.CharField(max_length=40, primary_key=True)
    verified_at = models.DateTimeField(null=True)
    leaves = models.BigIntegerField(default=0, help_text="How many leaves were read.")
    root = models.CharField(max_length=64, blank=True)
    found = models.PositiveIntegerField(default=0, help_text="How much is wrong; 0 is sound.")
    leaf_index = models.BigIntegerField(null=True, help_text="Where the first break is.")
    record = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(null=True, help_text="Set until the look that was asked for.")
    read = models.BigIntegerField(default=0, help_text="How far that look is.")
    trouble = models.CharField(max_length=500, blank=True, help_text="Why it came to nothing.")
    due_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.log} {self.leaves}"
