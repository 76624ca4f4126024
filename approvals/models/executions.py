"""Executions: attempts to perform what was approved."""

from typing import ClassVar

from django.db import models

from approvals.models.actions import Action
from approvals.states import EXECUTION, ExecutionStatus
from gateway.lib.rows import Row
from gateway.lib.states import Machine


class Execution(Row):
    """One attempt to perform an approved action."""

    PREFIX = "exe"
    machine: ClassVar[Machine] = EXECUTION

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="executions")
    attempt = models.PositiveIntegerField(help_text="The fencing token.")
    action_version = models.PositiveIntegerField(
        default=1, db_default=1, help_text="The version of the action that it carries out."
    )
    status = models.CharField(
        max_length=20, choices=ExecutionStatus.choices, default=ExecutionStatus.CLAIMED
    )
    idempotency_key = models.CharField(max_length=80)
    connection = models.CharField(max_length=80, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    request = models.JSONField(
        null=True, blank=True, help_text="What was sent, redacted; null where nothing was."
    )
    response = models.JSONField(null=True, blank=True, help_text="Redacted.")
    looked_up = models.JSONField(
        null=True,
        blank=True,
        help_text="What the service said, asked by key about earlier attempts: {state, at, detail, "
        "result}, redacted.",
    )
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["action", "attempt"], name="execution_attempt_once"),
            models.CheckConstraint(
                name="execution_status", condition=models.Q(status__in=ExecutionStatus.values)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} attempt {self.attempt}"
