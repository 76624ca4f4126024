"""Orders to run again what may have happened already: one person gives it, another confirms it."""

from django.db import models

from approvals.models.actions import Action
from gateway.lib.rows import Row
from gateway.tenants.models import User


class RunAgain(Row):
    """Two people's word that an action of unknown outcome is to be sent once more, same key."""

    PREFIX = "rag"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="orders")
    reason = models.TextField(help_text="What the first person saw at the service.")
    ordered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    confirmed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    after_attempt = models.PositiveIntegerField(
        null=True, blank=True, help_text="The last attempt before it: what it covers."
    )

    class Meta:
        verbose_name_plural = "orders to run again"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["action"],
                name="run_again_ordered_once",
                condition=models.Q(confirmed_at__isnull=True),
            ),
            models.CheckConstraint(
                name="run_again_by_two",
                condition=models.Q(confirmed_by__isnull=True)
                | ~models.Q(confirmed_by=models.F("ordered_by")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} of {self.action_id}"
