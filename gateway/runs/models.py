"""Runs, their timeline, and the answers owed to providers."""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from approvals.models import Action
from gateway.agents.models import Agent, Provider
from gateway.lib.rows import EnvironmentRow, Row, ScopedQuerySet
from gateway.lib.states import Machine
from gateway.lib.work import DueColumns
from gateway.runs.states import FINAL, REPORT, RUN, ReportStatus, RunStatus
from gateway.tenants.models import User

# An answer tried as often as this is in trouble, although it is still tried.
TROUBLE_ATTEMPTS = 3
# Nothing can be done about what was given up but to run it again: after this it is history.
GIVEN_UP_LATELY = timedelta(days=14)


class RunQuerySet(ScopedQuerySet):
    """Runs as people look for them."""

    def for_lists(self) -> "RunQuerySet":
        """With what a row of a list shows, in one query."""
        return self.select_related("agent", "provider", "environment__tenant")


class Run(EnvironmentRow, DueColumns):
    """One task that an agent executes."""

    PREFIX = "run"
    machine: ClassVar[Machine] = RUN
    announces: ClassVar[str] = "run"

    class Origin(models.TextChoices):
        API = "api", _("API or desk")
        ROUTE = "route", _("Webhook route")
        PROVIDER = "provider", _("Provider")

    status = models.CharField(max_length=20, choices=RunStatus.choices, default=RunStatus.QUEUED)
    row_version = models.PositiveIntegerField(default=1)
    announce_due_at = models.DateTimeField(null=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs")
    provider = models.ForeignKey(Provider, on_delete=models.PROTECT, related_name="runs")
    provider_run_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001 - null until started
    origin = models.CharField(max_length=20, choices=Origin.choices)
    task = models.TextField(blank=True)
    constraints = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    started_by_kind = models.CharField(max_length=20)
    started_by_id = models.CharField(max_length=80)
    started_by_label = models.CharField(max_length=120)
    starter_user_id = models.UUIDField(null=True, blank=True)
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    time_out_at = models.DateTimeField(
        null=True, blank=True, help_text="When its own time is over; null while people decide."
    )
    time_left = models.DurationField(
        null=True, blank=True, help_text="What is left of it while people decide."
    )
    cancel_due_at = models.DateTimeField(null=True, blank=True)
    output = models.JSONField(null=True, blank=True)
    error = models.JSONField(null=True, blank=True)
    usage = models.JSONField(default=dict)
    calls = models.PositiveIntegerField(default=0)
    source_event = models.CharField(max_length=40, blank=True)
    correlation_id = models.CharField(max_length=128)

    objects: ClassVar[Any] = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "provider_run_id"], name="run_once_per_provider"
            ),
            models.CheckConstraint(
                name="run_status", condition=models.Q(status__in=RunStatus.values)
            ),
        ]
        indexes = [
            models.Index(fields=["environment", "status", "-id"], name="run_env_status"),
            models.Index(
                fields=["due_at"], name="run_due", condition=models.Q(due_at__isnull=False)
            ),
            models.Index(
                fields=["cancel_due_at"],
                name="run_cancel",
                condition=models.Q(cancel_due_at__isnull=False),
            ),
            models.Index(
                fields=["time_out_at"],
                name="run_time_out",
                condition=models.Q(time_out_at__isnull=False),
            ),
            models.Index(
                fields=["announce_due_at"],
                name="run_announce",
                condition=models.Q(announce_due_at__isnull=False),
            ),
            # The dashboard counts what ended in an hour.
            models.Index(
                fields=["finished_at"],
                name="run_finished",
                condition=models.Q(finished_at__isnull=False),
            ),
        ]

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.status in FINAL

    @property
    def live_topic(self) -> str:
        """The topic that followers of this run listen to."""
        return f"run.{self.id}"

    def facts(self) -> dict[str, Any]:
        """What a policy rule sees of the run."""
        return {
            "id": self.public_id,
            "task": self.task,
            "tags": self.tags,
            "calls": self.calls,
            "constraints": self.constraints,
            "origin": self.origin,
            "status": self.status,
            "steps": _whole(self.usage.get("steps")),
            "tokens": _whole(self.usage.get("input_tokens"))
            + _whole(self.usage.get("output_tokens")),
            "cost_micro_usd": _whole(self.usage.get("cost_micro_usd")),
            "elapsed_s": int((timezone.now() - self.started_at).total_seconds())
            if self.started_at
            else 0,
        }


def _whole(value: Any) -> int:
    """A figure as the provider reported it; none counts as nought."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


class RunEvent(Row):
    """One line of a run's timeline; the run can be rebuilt from them."""

    PREFIX = "rev"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=60)
    data = models.JSONField(default=dict)
    source_event = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="run_event_number")]

    def __str__(self) -> str:
        return f"{self.number} {self.kind}"


class Feedback(Row):
    """Whether a person found the outcome of a run helpful, and why; one row each."""

    PREFIX = "fbk"

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="feedback")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    is_helpful = models.BooleanField()
    note = models.TextField(blank=True)
    said_at = models.DateTimeField(help_text="When it was said, or said anew.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "user"], name="feedback_one_voice"),
        ]
        indexes = [models.Index(fields=["said_at"], name="feedback_said_at")]

    def __str__(self) -> str:
        return f"{self.public_id} {'helpful' if self.is_helpful else 'not helpful'}"


class ReportQuerySet(ScopedQuerySet):
    """Reports as people look for them."""

    def undelivered(self) -> "ReportQuerySet":
        """Those that were given up lately, or that a provider has not taken again and again."""
        since = timezone.now() - GIVEN_UP_LATELY
        given_up = models.Q(status=ReportStatus.DEAD, created_at__gte=since)
        tried = models.Q(due_at__isnull=False, attempts__gte=TROUBLE_ATTEMPTS)
        return self.filter(given_up | tried)


class Report(Row, DueColumns):
    """One answer (result, error or refusal) owed to a run's provider."""

    PREFIX = "rep"
    machine: ClassVar[Machine] = REPORT

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="reports")
    action = models.OneToOneField(Action, on_delete=models.PROTECT, related_name="report")
    call_id = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=ReportStatus.choices, default=ReportStatus.DUE)
    answer = models.JSONField()
    give_up_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    objects: ClassVar[Any] = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="report_status", condition=models.Q(status__in=ReportStatus.values)
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="report_due", condition=models.Q(due_at__isnull=False)
            ),
            models.Index(fields=["run"], name="report_dead", condition=models.Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.status}"
