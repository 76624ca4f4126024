"""The only handler of announcements."""

from gateway.lib.broker import JobName, job
from gateway.notices import services

LIMIT_MS = 60_000


@job(JobName.ANNOUNCE, time_limit_ms=LIMIT_MS)
def announce(kind: str, pk: str) -> None:
    """Handle what one change sets off."""
    services.announce(kind, pk)
