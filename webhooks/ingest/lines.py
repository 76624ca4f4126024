"""The one line of each delivery, in the form of all others, written straight to standard error.

The usual way through the library's processors costs as much as verifying and storing together. Only
ids, numbers and words of our own go into these lines, none of which JSON would escape; the lines of
one turn of the event loop are written together.
"""

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime

from django.conf import settings


class Lines:
    """Collects lines and writes them at the end of the event loop's turn."""

    def __init__(self) -> None:
        level = logging.getLevelName(settings.LOG_LEVEL.upper())
        self.is_on = level <= logging.INFO
        self.waiting: list[str] = []
        # What all lines of one turn have in common.
        self.common = ""

    def stored(
        self, source: str, event: str, *, outcome: str, status: int, correlation_id: str, ms: float
    ) -> None:
        """A delivery that is in the database."""
        if self.is_on:
            if not self.waiting:
                self._begin()
            self.waiting.append(
                f'{{"source": "{source}", "id": "{event}", "outcome": "{outcome}", '
                f'"status": {status}, "correlation_id": "{correlation_id}", "ms": {ms:.1f}, '
                f'{self.common}, "event": "webhook"}}\n'
            )

    def refused(self, source: str, *, status: int, reason: str) -> None:
        """A delivery that was not taken; the source is empty where it is unknown."""
        if self.is_on:
            if not self.waiting:
                self._begin()
            self.waiting.append(
                f'{{"source": "{source}", "status": {status}, "reason": "{reason}", '
                f'{self.common}, "event": "webhook_refused"}}\n'
            )

    def _begin(self) -> None:
        asyncio.get_running_loop().call_soon(self.write)
        now = datetime.fromtimestamp(time.time(), UTC).isoformat()[:-6]
        self.common = f'"level": "info", "logger": "webhooks", "time": "{now}Z"'

    def write(self) -> None:
        """Write what was collected."""
        text, self.waiting = "".join(self.waiting), []
        sys.stderr.write(text)
        sys.stderr.flush()
