"""The only handler of announcements, and the delivery of notices."""

from gateway.lib.broker import JobName, announcing, job
from gateway.notices import services

LIMIT_MS = 60_000
DELIVERY_LIMIT_MS = 300_000


@job(JobName.ANNOUNCE, time_limit_ms=LIMIT_MS)
def announce(kind: str, pk: str) -> None:
    """Handle what one change sets off, and what that sets off in turn."""
    with announcing():
        services.announce(kind, pk)


@job(JobName.DELIVER_NOTICES, time_limit_ms=DELIVERY_LIMIT_MS)
def deliver_notices() -> None:
    """Deliver until nothing is due any more; the sweep rings again for what waits."""
    while services.deliver_due():
        pass
