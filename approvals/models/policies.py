"""Policies: the environment's ordered rules, every version of them, and which is on trial."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from gateway.lib.rows import EnvironmentRow, ScopedQuerySet


class Immutable(Exception):
    """A version is written once: who wants another one saves the policy again."""


class Policy(EnvironmentRow):
    """A named part of the environment's one ordered list of rules.

    `rules` and `tests` are those of the version in force; `version` is its number, 0 while none is.
    `trial` is a later version that counts for some only, or for nobody yet.
    """

    PREFIX = "pol"

    class Stage(models.TextChoices):
        """How far a version on trial counts."""

        SHADOW = "shadow", _("Watched only")
        AGENTS = "agents", _("Some agents")
        PERCENT = "percent", _("A share of runs")

    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=100)
    version = models.PositiveIntegerField(default=1)
    comment = models.CharField(max_length=300)
    rules = models.JSONField(default=list)
    tests = models.TextField(blank=True, help_text="YAML cases that these rules must pass.")
    is_enabled = models.BooleanField(default=True)
    trial = models.ForeignKey(
        "PolicyVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    trial_stage = models.CharField(max_length=10, choices=Stage.choices, blank=True)
    trial_agents = models.JSONField(default=list, blank=True, help_text="Their public ids.")
    trial_percent = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "policies"
        ordering = ["position", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "name"], name="policy_name"),
            models.CheckConstraint(
                name="policy_trial_has_stage",
                condition=models.Q(trial=None, trial_stage="")
                | models.Q(trial__isnull=False, trial_stage__in=("shadow", "agents", "percent")),
            ),
            models.CheckConstraint(
                name="policy_trial_percent", condition=models.Q(trial_percent__lte=100)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class VersionQuerySet(ScopedQuerySet):
    """Reads and inserts only."""

    def update(self, **fields: Any) -> NoReturn:
        """Refused."""
        raise Immutable("a version of a policy cannot be changed")

    def delete(self) -> NoReturn:
        """Refused."""
        raise Immutable("a version of a policy cannot be removed")


class PolicyVersion(EnvironmentRow):
    """What a policy said at one time, why, and by whom; written once."""

    PREFIX = "pov"

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    rules = models.JSONField(default=list)
    tests = models.TextField(blank=True)
    position = models.PositiveIntegerField()
    is_enabled = models.BooleanField()
    comment = models.CharField(max_length=300)
    author_kind = models.CharField(max_length=20)
    author_id = models.CharField(max_length=80)
    sha256 = models.CharField(max_length=64, help_text="Of rules, tests, position and switch.")

    objects: ClassVar[Any] = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.policy.name} v{self.number}"

    def save(self, *args: Any, **options: Any) -> None:
        """Insert a new version; raises Immutable for one that exists."""
        if not self._state.adding:
            raise Immutable("a version of a policy cannot be changed")
        options["force_insert"] = True
        super().save(*args, **options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        """Refused."""
        raise Immutable("a version of a policy cannot be removed")
