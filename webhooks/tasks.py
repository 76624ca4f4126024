"""Jobs of this app."""

import threading
import time
from contextlib import suppress

from django.db import connection

from gateway.lib.broker import JobName, job, ring
from gateway.lib.errors import StaleState
from webhooks import services

LIMIT_MS = 300_000
# Long before the limit, so that a backlog never meets it.
SHIFT_S = 60.0


class Drains:
    """How many threads of this process drain at the same time.

    SQLite has one writer: threads that take turns at the interpreter while one of them holds the
    database's lock keep the intake from writing for longer than they save.
    """

    MOST = {"sqlite": 2}
    MOST_ELSEWHERE = 4

    def __init__(self) -> None:
        most = self.MOST.get(connection.vendor, self.MOST_ELSEWHERE)
        self.places = threading.BoundedSemaphore(most)
        self.is_rung = threading.Event()

    def enter(self) -> bool:
        """Take a place; False when all are taken, and then one of them will ring again."""
        # Before the try: whoever leaves in between looks after leaving.
        self.is_rung.set()
        if not self.places.acquire(blocking=False):
            return False
        self.is_rung.clear()
        return True

    def leave(self) -> None:
        """Give the place back, and ring for whoever found none."""
        self.places.release()
        if self.is_rung.is_set():
            ring(JobName.PROCESS_EVENTS)


drains = Drains()


@job(JobName.PROCESS_EVENTS, time_limit_ms=LIMIT_MS)
def process_events() -> None:
    """Process due events chunk by chunk until none is due; a long backlog goes on in a new job."""
    if not drains.enter():
        return
    try:
        _drain()
    finally:
        drains.leave()


def _drain() -> None:
    end = time.monotonic() + SHIFT_S
    while services.process_chunk():
        if time.monotonic() > end:
            ring(JobName.PROCESS_EVENTS)
            return


@job(JobName.FETCH_DOCUMENTS, time_limit_ms=LIMIT_MS)
def fetch_documents() -> None:
    """Fetch the keys and certificates that the intake asked for; what fails waits in its row."""
    services.fetch_due()


@job(JobName.SEAL_EVENTS, time_limit_ms=LIMIT_MS)
def seal_events() -> None:
    """Seal accepted events into the audit log until none is left; the sweep goes on after a while.

    Where two workers do so at once, one of them leaves it to the other.
    """
    end = time.monotonic() + SHIFT_S
    with suppress(StaleState):
        while services.seal_chunk() and time.monotonic() < end:
            pass
