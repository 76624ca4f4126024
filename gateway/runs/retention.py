"""What is kept of runs."""

from django.db.models import Q

from audit.kept import Kept
from gateway.runs.states import FINAL, ReportStatus

MEMBERS = "members who may see runs"

KEPT = (
    Kept(
        "runs.Run",
        "an agent's task, tags and output",
        MEMBERS,
        personal={
            "task": "",
            "tags": {},
            "output": None,
            "error": None,
            "started_by_label": "",
        },  # fmt: skip
        tenant="environment__tenant",
        closed=Q(status__in=FINAL, announce_due_at=None),
        days="KEEP_RUNS_DAYS",
        since="finished_at",
    ),
    Kept(
        "runs.RunEvent",
        "a run's timeline, with what the provider reported",
        MEMBERS,
        personal={"data": {}},
        tenant="run__environment__tenant",
        closed=Q(run__status__in=FINAL),
        days="KEEP_RUNS_DAYS",
        since="run__finished_at",
    ),
    Kept(
        "runs.Feedback",
        "what a person said about a run's outcome",
        MEMBERS,
        personal={"note": ""},
        writer="user",
        tenant="run__environment__tenant",
        closed=Q(run__status__in=FINAL),
        days="KEEP_RUNS_DAYS",
        since="run__finished_at",
    ),
    Kept(
        "runs.Report",
        "the answer about an action that a run's provider was told",
        MEMBERS,
        personal={"answer": {}, "error": ""},
        tenant="run__environment__tenant",
        closed=Q(status__in=(ReportStatus.DELIVERED, ReportStatus.DEAD)),
        days="KEEP_RUNS_DAYS",
        since="run__finished_at",
        within="action",
    ),
)
