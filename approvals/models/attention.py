"""What one person does with one action short of deciding: opening it, putting it aside."""

from typing import ClassVar

from django.db import models

from approvals.models.actions import Action
from gateway.lib.rows import Row
from gateway.tenants.models import User


class Opening(Row):
    """When a person who may decide first saw an action in its present version; one row each."""

    PREFIX: ClassVar[str] = "opn"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="openings")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    action_version = models.PositiveIntegerField()
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "user"], name="opening_once")]


class Snooze(Row):
    """A person does not want to see an action for a while; nobody else is affected.

    It counts until its time, if it has one, and only while the action is as it was.
    """

    PREFIX: ClassVar[str] = "snz"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="snoozes")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    until = models.DateTimeField(null=True, blank=True)
    row_version = models.PositiveIntegerField(help_text="The action's, when it was put aside.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["action", "user"], name="snooze_once")]
