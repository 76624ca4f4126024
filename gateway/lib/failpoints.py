"""The fourteen places where a test lets a process die as if by kill -9.

For tests only: `COUNTERSIGN_FAILPOINTS` names a file, and production refuses to start with it.
While the file holds an order `POINT@N [TEXT]`, the process that passes the point for the N-th time
(counting only passes whose subject holds the text) removes the file, so that its successor lives,
and kills itself. Without the variable a pass is a call of an empty function.
"""

import os
import re
import signal
import sys
import time
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Protocol

VARIABLE = "COUNTERSIGN_FAILPOINTS"
# So that what was sent before the point has arrived when the process dies.
PAUSE_S = 0.1
# The only part of a subject that is written down: it may be a request with its credential.
ID = re.compile(r"\b[a-z]{3}_[0-9a-z]{26}\b")


class Point(StrEnum):
    """The moments between one webhook and the result's arrival, in their order."""

    BODY_READ = "body_read"
    VERIFIED = "verified"
    # The insert is one statement that commits itself; within it a process dies in T48.
    INSERTING = "inserting"
    COMMITTED = "committed"
    ANSWERED = "answered"
    RUNG = "rung"
    TAKEN = "taken"
    INTENT_COMMITTED = "intent_committed"
    PARTLY_SENT = "partly_sent"
    SENT = "sent"
    ANSWER_READ = "answer_read"
    RESULT_COMMITTED = "result_committed"
    REPORTING = "reporting"
    REPORTED = "reported"


class Reach(Protocol):
    """Passes a point; the subject is what the pass is about."""

    def __call__(self, point: Point, subject: str | bytes = "") -> None: ...


def off(point: Point, subject: str | bytes = "") -> None:
    """Pass the point."""


def armed(orders: Path) -> Reach:
    """What passes points while the file may hold an order."""
    passes: Counter[str] = Counter()

    def reach(point: Point, subject: str | bytes = "") -> None:
        order = _order(orders)
        wanted, _, text = order.partition(" ")
        name, _, number = wanted.partition("@")
        told = subject.decode(errors="replace") if isinstance(subject, bytes) else subject
        if name != point or text not in told:
            return
        passes[order] += 1
        if passes[order] >= int(number):
            _die(orders, point, told)

    return reach


def _order(orders: Path) -> str:
    try:
        return orders.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _die(orders: Path, point: Point, subject: str) -> None:
    try:
        orders.unlink()
    except FileNotFoundError:
        return  # another process or thread dies of this order
    found = " ".join(ID.findall(subject))
    sys.stderr.write(f'{{"event": "failpoint", "point": "{point}", "ids": "{found}"}}\n')
    sys.stderr.flush()
    time.sleep(PAUSE_S)
    os.kill(os.getpid(), signal.SIGKILL)


_file = os.environ.get(VARIABLE, "")
reach: Reach = armed(Path(_file)) if _file else off
