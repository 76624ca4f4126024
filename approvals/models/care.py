"""Who looks after a waiting action: reminders, escalation, assignment, who is on it now."""

from django.db import models

from gateway.tenants.models import Group, User


class CareColumns(models.Model):
    """What keeps an action that waits for people from being forgotten.

    None of it is part of the digest: it changes who hears of the action, never what would be done.
    """

    remind_due_at = models.DateTimeField(null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    escalate_due_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when those of `escalate_to` may decide as well."
    )
    routes = models.TextField(
        blank=True,
        default="",
        # The release before this one goes on inserting while it is replaced.
        db_default="",
        help_text="Who may decide, as `|role:x|group:y|`. Empty: ask the requirement itself.",
    )
    assignee = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    assigned_group = models.ForeignKey(
        Group, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    taken_until = models.DateTimeField(null=True, blank=True, help_text="It blocks nobody.")

    class Meta:
        abstract = True
