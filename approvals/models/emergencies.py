"""Break-glass: one person decided alone because nobody else could in time, and answers for it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from approvals.models.actions import Action
from approvals.models.votes import Approval
from gateway.lib.rows import EnvironmentRow
from gateway.tenants.models import User


class BreakGlass(EnvironmentRow):
    """One decision without the others that a rule asks for, and its later review.

    While one is not reviewed, the environment has no other: the database sees to it.
    """

    PREFIX: ClassVar[str] = "brk"

    class Finding(models.TextChoices):
        JUSTIFIED = "justified", _("Justified")
        UNJUSTIFIED = "unjustified", _("Not justified")

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="emergencies")
    approval = models.OneToOneField(Approval, on_delete=models.PROTECT, related_name="break_glass")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    asked_for = models.TextField(help_text="Whom the rule asked for, in words.")
    finding = models.CharField(max_length=20, choices=Finding.choices, blank=True)
    reviewed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_comment = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "break-glass decisions"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment"],
                name="break_glass_one_unreviewed",
                condition=Q(reviewed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.finding or 'not reviewed'}"
