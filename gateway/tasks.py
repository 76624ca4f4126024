"""The scheduler's one job: look for due rows whose bell was lost."""

from gateway import sweeps
from gateway.lib.broker import JobName, job

LIMIT_MS = 60_000


@job(JobName.SWEEP, time_limit_ms=LIMIT_MS)
def sweep() -> None:
    """Sweep the whole deployment."""
    sweeps.sweep()
