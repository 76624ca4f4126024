"""Shadow verdicts: what a version on trial would have said about an action."""

from django.db import models

from approvals.models.actions import Action
from approvals.models.policies import PolicyVersion
from approvals.policy.comparing import Change
from gateway.lib.rows import EnvironmentRow

CHANGES = [change.value for change in Change]


class ShadowVerdict(EnvironmentRow):
    """One action as a watched version judged it, beside what was applied."""

    PREFIX = "shv"

    action = models.ForeignKey(Action, on_delete=models.PROTECT, related_name="shadows")
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="shadows")
    change = models.CharField(max_length=20)
    verdict = models.CharField(max_length=20)
    rule = models.CharField(max_length=200, blank=True)
    requirement = models.JSONField(null=True, blank=True)
    applied_verdict = models.CharField(max_length=20)
    applied_rule = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["action", "version"], name="shadow_once"),
            models.CheckConstraint(name="shadow_change", condition=models.Q(change__in=CHANGES)),
        ]
        indexes = [models.Index(fields=["version", "change", "-id"], name="shadow_version")]

    @property
    def disagrees(self) -> bool:
        """Whether the version on trial would have decided otherwise."""
        return self.change != Change.SAME
