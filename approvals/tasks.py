"""Jobs of this app. Each begins by claiming its row, so it may arrive any number of times."""

from approvals import executor
from approvals.services import follow_tool as follow
from gateway.lib.broker import JobName, announcing, job

EXECUTE_LIMIT_MS = 120_000


@job(JobName.EXECUTE_ACTION, time_limit_ms=EXECUTE_LIMIT_MS)
def execute_action(pk: str) -> None:
    """Carry out one approved action; the sweep rings again for what stays due."""
    with announcing():
        executor.execute(pk)


@job(JobName.FOLLOW_TOOL, time_limit_ms=EXECUTE_LIMIT_MS)
def follow_tool(pk: str) -> None:
    """Judge again what is open under older definitions of this tool."""
    follow(pk)
