"""Votes: what members decided."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from approvals.models.actions import Action
from approvals.models.delegations import Delegation
from gateway.lib.rows import Row
from gateway.tenants.models import User


class Approval(Row):
    """A member's decision on one version of an action, bound to its digest and signed."""

    PREFIX = "apr"

    class Decision(models.TextChoices):
        APPROVE = "approve", _("Approved")
        REJECT = "reject", _("Rejected")
        BREAK_GLASS = "break_glass", _("Decided alone")

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="approvals")
    action_version = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=20, choices=Decision.choices)
    stage = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="The stage that was open when it was cast, from 0."
    )
    comment = models.TextField(blank=True)
    signature = models.CharField(max_length=200)
    statement_version = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="The form of the statement that is signed."
    )
    authenticated_at = models.DateTimeField(
        null=True, blank=True, help_text="When the session last proved who it is; a key never does."
    )
    authentication_methods = models.JSONField(default=list, help_text="By what it proved it.")
    assertion = models.JSONField(
        null=True, blank=True, help_text="What the person's passkey signed: gateway.lib.assertions."
    )
    on_behalf_of = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    delegation = models.ForeignKey(
        Delegation, on_delete=models.PROTECT, null=True, blank=True, related_name="approvals"
    )
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="When the person first saw this version; null if not."
    )
    void_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "action_version", "user"], name="approval_one_vote"
            ),
            # Two substitutes of one person are one voice.
            models.UniqueConstraint(
                fields=["action", "action_version", "on_behalf_of"],
                condition=models.Q(on_behalf_of__isnull=False),
                name="approval_one_voice",
            ),
            models.CheckConstraint(
                name="approval_delegated",
                condition=models.Q(on_behalf_of__isnull=True, delegation__isnull=True)
                | models.Q(on_behalf_of__isnull=False, delegation__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.action_id}"
