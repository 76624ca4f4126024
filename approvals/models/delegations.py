"""Delegations: who decides for whom while they are away."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models.functions import Now

from gateway.lib.rows import EnvironmentRow, ScopedQuerySet
from gateway.tenants.models import User


class DelegationQuerySet(ScopedQuerySet):
    """Delegations as deciding asks for them."""

    def in_force(self) -> Self:
        """Those that count now."""
        return self.filter(revoked_at=None, starts_at__lte=Now(), ends_at__gt=Now())


class Delegation(EnvironmentRow):
    """A member lets another decide where they could, from one moment to another."""

    PREFIX: ClassVar[str] = "dlg"

    delegator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    substitute = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    scope = models.CharField(
        max_length=80, blank=True, help_text="`role:x` or `group:x` alone; empty means all."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = DelegationQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="delegation_ends_after_it_starts",
                condition=models.Q(ends_at__gt=models.F("starts_at")),
            ),
            models.CheckConstraint(
                name="delegation_to_another",
                condition=~models.Q(delegator=models.F("substitute")),
            ),
        ]
        indexes = [
            models.Index(fields=["environment", "substitute", "ends_at"], name="delegation_current")
        ]

    def was_in_force_at(self, when: datetime) -> bool:
        """Whether it counted at that moment."""
        is_revoked = self.revoked_at is not None and self.revoked_at <= when
        return self.starts_at <= when < self.ends_at and not is_revoked
