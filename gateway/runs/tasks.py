"""Jobs of this app. Each begins by claiming its row, so it may arrive any number of times."""

from gateway.lib.broker import JobName, announcing, job
from gateway.runs import services

LIMIT_MS = 120_000


@job(JobName.START_RUN, time_limit_ms=LIMIT_MS)
def start_run(pk: str) -> None:
    """Start one queued run at its provider."""
    services.begin(pk)


@job(JobName.REPORT_RESULT, time_limit_ms=LIMIT_MS)
def report_result(run_pk: str) -> None:
    """Send a run's due reports, one after the other."""
    with announcing():
        services.report_run(run_pk)


@job(JobName.CANCEL_RUN, time_limit_ms=LIMIT_MS)
def cancel_run(pk: str) -> None:
    """Tell the provider that a run was canceled."""
    services.tell_provider_to_cancel(pk)
