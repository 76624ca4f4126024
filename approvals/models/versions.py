"""Versions of an action: what was asked each time that it changed, and who changed it."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from approvals.models.actions import Action
from audit.canonical import parsed
from gateway.lib.rows import Row
from gateway.tenants.models import User
from gateway.tools.models import Risk, ToolVersion

# The columns that a version shares with its action, which holds those of the newest one.
KEPT = (
    "tool_version", "connection_revision", "arguments", "arguments_sha256", "rendered", "effect",
    "risk", "target", "affected", "before", "after", "requirement", "policy_hash", "rule", "digest",
    "nonce",
)  # fmt: skip


class ActionVersion(Row):
    """One version of an action, written once: with the action's row, all that its digest covers.

    An action that never changed has none: its row is its only version. From the first change on
    there is one for each, the one that the agent proposed included.
    """

    PREFIX = "acv"

    class Origin(models.TextChoices):
        PROPOSED = "proposed", _("Proposed")
        EDITED = "edited", _("Edited")
        RETURNED = "returned", _("Returned to review")
        REDEFINED = "redefined", _("Tool redefined")
        UNDONE = "undone", _("Approval undone")
        DRIFTED = "drifted", _("Target moved")

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    origin = models.CharField(max_length=20, choices=Origin.choices)
    made_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    made_at = models.DateTimeField()
    comment = models.TextField(blank=True, help_text="Why it was made, in its maker's words.")
    tool_version = models.ForeignKey(
        ToolVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    connection_revision = models.PositiveIntegerField(null=True, blank=True)
    arguments = models.TextField(blank=True)
    arguments_sha256 = models.CharField(max_length=64)
    rendered = models.TextField(blank=True)
    effect = models.TextField(blank=True)
    risk = models.CharField(max_length=20, choices=Risk.choices, blank=True)
    target = models.JSONField(default=list)
    affected = models.JSONField(default=list)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    requirement = models.JSONField(null=True, blank=True)
    policy_hash = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64, blank=True)
    nonce = models.CharField(max_length=64, blank=True)

    # What its arguments hide, once `services.masking` has looked.
    known_hidden: tuple[Any, Any] | None = None

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["action", "number"], name="action_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.action_id} v{self.number}"

    @property
    def arguments_value(self) -> Any:
        """The arguments as a JSON value."""
        return parsed(self.arguments) if self.arguments else None

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a new row; raises TypeError for one that exists: evidence is not rewritten."""
        if not self._state.adding:
            raise TypeError("a version of an action is written once")
        options["force_insert"] = True
        super().save(*args, **options)
