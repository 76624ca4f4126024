"""Finding what a lost bell left lying, and runs whose time is over."""

from django.db.models.functions import Now

from gateway.lib import work
from gateway.lib.broker import JobName, ring_again, ring_each_again
from gateway.runs.models import Report, Run
from gateway.runs.services import capping
from gateway.runs.states import ReportStatus, RunStatus

CHUNK = 200


def sweep() -> int:
    """Ring again for whatever is due, and end runs whose time is over; how many rows there were."""
    timed_out = capping.time_out_due(CHUNK)
    due_runs = work.due(Run.objects.filter(status=RunStatus.QUEUED))
    due_reports = work.due(
        Report.objects.filter(status__in=[ReportStatus.DUE, ReportStatus.SENDING])
    )
    queued = due_runs.order_by("due_at").values_list("pk", flat=True)[:CHUNK]
    rings = [(JobName.START_RUN, str(pk)) for pk in queued]
    runs_owed = set(due_reports.order_by("due_at").values_list("run_id", flat=True)[:CHUNK])
    rings += [(JobName.REPORT_RESULT, str(pk)) for pk in runs_owed]
    untold = Run.objects.filter(cancel_due_at__lte=Now()).order_by("cancel_due_at")
    canceled = untold.values_list("pk", flat=True)[:CHUNK]
    rings += [(JobName.CANCEL_RUN, str(pk)) for pk in canceled]
    for name, pk in rings:
        ring_again(name, pk)
    unannounced = Run.objects.filter(announce_due_at__lte=Now()).order_by("announce_due_at")
    found = list(unannounced.values_list("pk", flat=True)[:CHUNK])
    ring_each_again(JobName.ANNOUNCE, [(Run.announces, str(pk)) for pk in found])
    return timed_out + len(rings) + len(found)
