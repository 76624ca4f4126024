"""The one line of each delivery, in the form of all others, written straight to standard error.

The usual way through the library's processors costs as much as verifying and storing together. Only
ids, numbers and words of our own go into these lines, so nothing has to be masked or escaped; lines
of one turn of the event loop are written together.
"""

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime

from django.conf import settings

from audit.context import well_formed


class Lines:
    """Collects lines and writes them at the end of the event loop's turn."""

    def __init__(self) -> None:
        level = logging.getLevelName(settings.LOG_LEVEL.upper())
        self.is_on = level <= logging.INFO
        self.waiting: list[str] = []

    def add(self, event: str, **fields: str | float) -> None:
        """One line; texts must be free of anything that JSON escapes."""
        if not self.is_on:
            return
        if not self.waiting:
            asyncio.get_running_loop().call_soon(self.write)
        told = ", ".join([f'"{name}": {_json(value)}' for name, value in fields.items()])
        self.waiting.append(
            f'{{{told}, "level": "info", "logger": "webhooks", '
            f'"time": "{_now(int(time.time() * 1000))}", "event": "{event}"}}\n'
        )

    def write(self) -> None:
        """Write what was collected."""
        text, self.waiting = "".join(self.waiting), []
        sys.stderr.write(text)
        sys.stderr.flush()


def _json(value: str | float) -> str:
    if isinstance(value, str):
        # Nothing else gets here; and if it did, it would not forge a line.
        return f'"{value}"' if not value or well_formed(value) else '"?"'
    return repr(value)


def _now(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
