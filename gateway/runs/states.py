"""The states of runs and reports, exactly as the design draws them."""

from django.db import models
from django.utils.translation import gettext_noop

from gateway.lib.states import Machine


class RunStatus(models.TextChoices):
    """Where a run stands."""

    QUEUED = "queued", gettext_noop("Queued")
    RUNNING = "running", gettext_noop("Running")
    TOOL_REQUIRED = "tool_required", gettext_noop("Tool required")
    WAITING_APPROVAL = "waiting_approval", gettext_noop("Waiting for approval")
    COMPLETED = "completed", gettext_noop("Completed")
    FAILED = "failed", gettext_noop("Failed")
    CANCELED = "canceled", gettext_noop("Canceled")


class ReportStatus(models.TextChoices):
    """Where one answer owed to a provider stands."""

    DUE = "due", gettext_noop("Due")
    SENDING = "sending", gettext_noop("Sending")
    DELIVERED = "delivered", gettext_noop("Delivered")
    DEAD = "dead", gettext_noop("Given up")


R = RunStatus
FINAL = frozenset({R.COMPLETED, R.FAILED, R.CANCELED})
RUN = Machine(
    starts=frozenset({R.QUEUED, R.RUNNING}),
    moves={
        R.QUEUED: frozenset({R.RUNNING}) | FINAL,
        R.RUNNING: frozenset({R.TOOL_REQUIRED}) | FINAL,
        R.TOOL_REQUIRED: frozenset({R.WAITING_APPROVAL, R.RUNNING}) | FINAL,
        R.WAITING_APPROVAL: frozenset({R.TOOL_REQUIRED, R.RUNNING}) | FINAL,
        R.COMPLETED: frozenset(),
        R.FAILED: frozenset(),
        R.CANCELED: frozenset(),
    },
)

P = ReportStatus
REPORT = Machine(
    starts=frozenset({P.DUE}),
    moves={
        P.DUE: frozenset({P.SENDING, P.DEAD}),
        P.SENDING: frozenset({P.DELIVERED, P.DUE, P.DEAD}),
        P.DELIVERED: frozenset(),
        P.DEAD: frozenset(),
    },
)
