"""Jobs of the roof: due rows whose bell was lost, rows whose time is over, logs to be verified."""

from gateway import sweeps, verifying
from gateway.board import rolling
from gateway.lib.broker import JobName, job
from gateway.retention import pruning

LIMIT_MS = 60_000
# Of each model; what is left waits for the next hour.
PRUNE_BATCHES = 20
PRUNE_LIMIT_MS = 600_000
COUNT_LIMIT_MS = 600_000
# Ten thousand records a second at least, so logs of tens of millions.
VERIFY_LIMIT_MS = 3_600_000


@job(JobName.SWEEP, time_limit_ms=LIMIT_MS)
def sweep() -> None:
    """Sweep the whole deployment."""
    sweeps.sweep()


@job(JobName.PRUNE, time_limit_ms=PRUNE_LIMIT_MS)
def prune() -> None:
    """Let go what has been kept for its time."""
    pruning.prune(batches=PRUNE_BATCHES)


@job(JobName.VERIFY_LOGS, time_limit_ms=VERIFY_LIMIT_MS)
def verify_logs() -> None:
    """Verify what somebody asked for."""
    verifying.carry_out_due()


@job(JobName.COUNT_HOURS, time_limit_ms=COUNT_LIMIT_MS)
def count_hours() -> None:
    """Count the hours that are over, for the dashboard."""
    rolling.roll_up()
