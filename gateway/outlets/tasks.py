"""Jobs of this app."""

from gateway.lib.broker import JobName, job
from gateway.outlets import services

LIMIT_MS = 300_000


@job(JobName.DELIVER_OUTLETS, time_limit_ms=LIMIT_MS)
def deliver_outlets() -> None:
    """Deliver until nothing is taken any more; the sweep rings again for what waits."""
    while services.deliver_due():
        pass
