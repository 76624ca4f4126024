"""The bell after a commit: at once, then at most every 50 ms; it only says "look"."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from gateway.lib.broker import JobName, ring_now
from gateway.lib.failpoints import Point, reach

REST_S = 0.05


class Bell:
    """Rings from a thread of its own, so that a queue that is down costs no delivery anything."""

    def __init__(self) -> None:
        self.is_resting = False
        self.is_due = False
        self.thread = ThreadPoolExecutor(1, "intake-bell")
        self.ringing: Future[None] | None = None

    def ring(self) -> None:
        """Wake the workers, now or when the rest is over."""
        # A queue that does not answer must not let rings pile up.
        if self.is_resting or (self.ringing is not None and not self.ringing.done()):
            self.is_due = True
        else:
            self.is_due = False
            self.ringing = self.thread.submit(_ring)
        if not self.is_resting:
            self.is_resting = True
            asyncio.get_running_loop().call_later(REST_S, self._rested)

    def _rested(self) -> None:
        self.is_resting = False
        if self.is_due:
            self.ring()


def _ring() -> None:
    reach(Point.ANSWERED)
    ring_now(JobName.PROCESS_EVENTS)
    reach(Point.RUNG)
