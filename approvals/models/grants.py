"""Grants: calls of one kind that a reviewer lets through without being asked each time."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from approvals.models.actions import Action
from gateway.agents.models import Agent
from gateway.lib.rows import EnvironmentRow, Row, ScopedQuerySet
from gateway.tenants.models import User
from gateway.tools.models import Tool


class GrantQuerySet(ScopedQuerySet):
    """Grants as the gate asks for them."""

    def open(self) -> Self:
        """Those that let something through now."""
        return self.filter(revoked_at=None, expires_at__gt=Now(), uses__lt=F("max_uses"))


class Grant(EnvironmentRow):
    """What a reviewer once approved, and lets happen again within narrow bounds.

    It is for one agent and one definition of one tool, holds for exactly the arguments that its
    condition names, ends by time and by count, and is signed like a vote. `requirement` is what the
    decision that it was derived from had to satisfy: where more is asked, it does not count.
    """

    PREFIX = "gnt"

    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    tool = models.ForeignKey(Tool, on_delete=models.PROTECT, related_name="+")
    definition_sha256 = models.CharField(max_length=64)
    condition = models.TextField(help_text="CEL over args.")
    requirement = models.JSONField()
    derived_from = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300)
    signature = models.CharField(max_length=200)
    expires_at = models.DateTimeField()
    max_uses = models.PositiveIntegerField()
    uses = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects: ClassVar[Any] = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="grant_not_used_up_twice", condition=Q(uses__lte=F("max_uses"))
            )
        ]
        indexes = [
            models.Index(
                fields=["tool", "agent"], name="grant_open", condition=Q(revoked_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.uses} of {self.max_uses}"

    @property
    def left(self) -> int:
        """How many more calls it lets through."""
        return max(0, self.max_uses - self.uses)


class GrantUse(Row):
    """One call that a grant let through, and what had been asked of people without it."""

    PREFIX = "gnu"

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="uses_of")
    action = models.OneToOneField(Action, on_delete=models.PROTECT, related_name="grant_use")
    requirement = models.JSONField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.grant_id} for {self.action_id}"
