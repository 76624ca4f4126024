"""Jobs of this app."""

import time

from gateway.lib.broker import JobName, job, ring
from webhooks import services

LIMIT_MS = 300_000
# Long before the limit, so that a backlog never meets it.
SHIFT_S = 60.0


@job(JobName.PROCESS_EVENTS, time_limit_ms=LIMIT_MS)
def process_events() -> None:
    """Process due events chunk by chunk until none is due; a long backlog goes on in a new job."""
    end = time.monotonic() + SHIFT_S
    while services.process_chunk():
        if time.monotonic() > end:
            ring(JobName.PROCESS_EVENTS)
            return
