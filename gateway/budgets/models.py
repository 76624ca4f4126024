"""Budgets, what is counted against them, and the alerts they raise."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from gateway.budgets import amounts, periods, scopes
from gateway.budgets.scopes import Scope
from gateway.budgets.states import USAGE, UsageStatus
from gateway.lib.rows import EnvironmentRow, ScopedQuerySet
from gateway.lib.states import Machine

# Data of the pure modules, in the reader's language.
SCOPES = [(scope, _(words)) for scope, words in scopes.SCOPES.items()]
KINDS = [(kind, _(words)) for kind, words in amounts.KINDS.items()]
PERIODS = [(period, _(words)) for period, words in periods.PERIODS.items()]
CLAIMED = F("used") + F("reserved")


class BudgetQuerySet(ScopedQuerySet):
    """Budgets as people and the gate look for them."""

    def live(self) -> "BudgetQuerySet":
        """Those that are not archived."""
        return self.filter(archived_at=None)

    def in_force(self, environment: Any) -> "BudgetQuerySet":
        """Those that limit what happens in this environment: its own, and the whole tenant's."""
        whole = Q(scope="tenant", environment__tenant_id=environment.tenant_id)
        return self.live().filter(Q(environment=environment) | whole, is_enabled=True)


class Budget(EnvironmentRow):
    """A limit on what is used: how much, of what, by whom, in which period."""

    PREFIX = "bud"

    name = models.SlugField(max_length=60, help_text="Policy rules read budget.<name>.")
    scope = models.CharField(max_length=20, choices=SCOPES)
    value = models.CharField(
        max_length=scopes.MAX_VALUE, blank=True, help_text="Empty: each one by itself."
    )
    kind = models.CharField(max_length=10, choices=KINDS)
    currency = models.CharField(max_length=3, blank=True, help_text="ISO 4217, of money only.")
    amount = models.TextField(blank=True, help_text="CEL over args and tool: a call's money.")
    limit = models.BigIntegerField(help_text="Calls, minor units, tokens or micro-USD.")
    period = models.CharField(max_length=10, choices=PERIODS)
    alert_at = models.FloatField(default=0.8, help_text="Fraction of the limit that alarms.")
    is_enabled = models.BooleanField(default=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = BudgetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["environment", "name"],
                condition=Q(archived_at=None),
                name="budgets_live_name",
            ),
            models.CheckConstraint(name="budgets_limit", condition=Q(limit__gte=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def scoped_to(self) -> Scope:
        """Whose use is counted."""
        return Scope(self.scope, self.value)

    @property
    def is_rate(self) -> bool:
        """Whether it limits how fast calls may come, and not how much is spent."""
        return self.period == periods.RATE


class Counter(EnvironmentRow):
    """What one subject has used and reserved in one window; budgets are kept on this row alone.

    Without a budget it counts for a cap that stands with the agent itself.
    """

    PREFIX = "cnt"

    budget = models.ForeignKey(
        Budget, on_delete=models.PROTECT, null=True, blank=True, related_name="counters"
    )
    subject = models.CharField(max_length=scopes.MAX_VALUE + 20)
    window = models.CharField(max_length=40)
    ends_at = models.DateTimeField(null=True, blank=True)
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    alerted_at = models.DateTimeField(null=True, blank=True)
    capped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "subject", "window"], name="budgets_counter_once"
            ),
            models.UniqueConstraint(
                fields=["environment", "subject", "window"],
                condition=Q(budget=None),
                name="budgets_cap_counter_once",
            ),
            models.CheckConstraint(
                name="budgets_counter_amounts", condition=Q(used__gte=0, reserved__gte=0)
            ),
        ]
        indexes = [models.Index(fields=["budget", "ends_at"], name="budgets_counter_window")]

    def __str__(self) -> str:
        return f"{self.subject} {self.window}"

    @property
    def taken(self) -> int:
        """What is not free any more."""
        return self.used + self.reserved


class UsageEntry(EnvironmentRow):
    """One amount that one action or run took; `environment` is where that happened."""

    PREFIX = "use"
    machine: ClassVar[Machine] = USAGE

    counter = models.ForeignKey(Counter, on_delete=models.PROTECT, related_name="entries")
    ref = models.CharField(max_length=40, help_text="The public id of the action or run.")
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=UsageStatus.choices)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "usage entries"
        constraints = [
            models.UniqueConstraint(
                fields=["counter", "ref"],
                condition=Q(status=UsageStatus.RESERVED),
                name="budgets_reserved_once",
            ),
            models.CheckConstraint(
                name="budgets_usage_status", condition=Q(status__in=UsageStatus.values)
            ),
        ]
        indexes = [
            models.Index(
                fields=["ref"], name="budgets_reserved", condition=Q(status=UsageStatus.RESERVED)
            ),
            models.Index(fields=["counter", "-id"], name="budgets_usage_counter"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.amount}"


class BudgetAlert(EnvironmentRow):
    """Somebody should look: a budget's fraction or its limit was reached, once per window."""

    PREFIX = "bal"
    announces: ClassVar[str] = "budget_alert"

    class Level(models.TextChoices):
        WARNING = "warning", _("Warning")
        REACHED = "reached", _("Limit reached")

    counter = models.ForeignKey(Counter, on_delete=models.PROTECT, related_name="alerts")
    level = models.CharField(max_length=10, choices=Level.choices)
    used = models.BigIntegerField()
    reserved = models.BigIntegerField()
    limit = models.BigIntegerField()
    row_version = models.PositiveIntegerField(default=1)
    announce_due_at = models.DateTimeField(null=True)
    correlation_id = models.CharField(max_length=128)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["counter", "level"], name="budgets_alert_once")
        ]
        indexes = [
            models.Index(
                fields=["announce_due_at"],
                name="budgets_alert_announce",
                condition=Q(announce_due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.counter} {self.level}"

    @property
    def status(self) -> str:
        """What an announcement calls its state."""
        return self.level
