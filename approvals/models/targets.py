"""What actions touch: which entities an action names, and who may touch one of them now."""

from django.db import models

from approvals.models.actions import Action
from gateway.lib.rows import EnvironmentRow, Row
from gateway.tenants.models import Environment


class ActionTarget(Row):
    """One entity that an action's present version touches; `key` is its text's HMAC.

    Entities are people as well, so the text is not written down a second time.
    """

    PREFIX = "atg"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="targets")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "key"], name="action_target_once")]
        indexes = [models.Index(fields=["environment", "key", "-id"], name="action_target_key")]

    def __str__(self) -> str:
        return f"{self.action_id} {self.key[:12]}"


class TargetLock(EnvironmentRow):
    """Who may touch an entity now: the action that holds it, until it is done or its lease ends."""

    PREFIX = "lck"

    key = models.CharField(max_length=64)
    action = models.ForeignKey(
        Action, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["environment", "key"], name="target_lock_once")
        ]

    def __str__(self) -> str:
        return self.key[:12]
