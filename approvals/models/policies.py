"""Policies: the environment's ordered rules."""

from django.db import models

from gateway.lib.rows import EnvironmentRow


class Policy(EnvironmentRow):
    """A named part of the environment's one ordered list of rules."""

    PREFIX = "pol"

    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=100)
    version = models.PositiveIntegerField(default=1)
    comment = models.CharField(max_length=300)
    rules = models.JSONField(default=list)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "policies"
        ordering = ["position", "created_at"]
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="policy_name")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"
