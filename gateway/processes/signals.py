"""Signals as something to wait for, so that none is lost between a look and the wait.

Python runs a handler between two steps of its main thread. One that arrives after the last look and
before the thread waits for a lock (`threading.Event.wait`) is noticed only when something else ends
the wait: with busy threads, one of a hundred. And a handler that takes such a lock waits for itself
where it interrupts its owner. So a handler only counts here, and what is waited for is a pipe into
which Python itself writes as soon as a signal arrives.
"""

import os
import select
import signal
import time
from collections.abc import Iterable


class Signals:
    """Asks to stop, counted; made once, in the main thread."""

    def __init__(
        self,
        stops: Iterable[int] = (signal.SIGTERM, signal.SIGINT),
        *,
        wakes: Iterable[int] = (),
    ) -> None:
        self.asked = 0
        self._pipe, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in stops:
            signal.signal(number, lambda *_: self.ask())
        for number in wakes:
            signal.signal(number, lambda *_: None)

    def ask(self) -> None:
        """Ask to stop, as one of the signals does."""
        self.asked += 1

    def sleep(self, seconds: float | None) -> None:
        """Until a signal arrives, or the time is over."""
        if select.select([self._pipe], [], [], seconds)[0]:
            os.read(self._pipe, 4096)

    def wait(self, timeout: float | None = None) -> bool:
        """Until somebody asks to stop, or the time in seconds is over; whether somebody has."""
        give_up = None if timeout is None else time.monotonic() + timeout
        while not self.asked:
            left = None if give_up is None else give_up - time.monotonic()
            if left is not None and left <= 0:
                break
            self.sleep(left)
        return self.asked > 0
