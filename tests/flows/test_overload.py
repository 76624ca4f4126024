"""T57: three times what an entrance can take. The rest is refused, with a word when to come again.

What it can take is little here, as somebody else keeps the database's writers out most of the time:
what a long import, an index that is built or a slow disk does. The list of what waits is full
within a second, and stays so.
"""

import sqlite3
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from gateway.lib import ids
from tests.flows.flood import Flood, Job, body_of, flood
from tests.flows.scenes import SECRET, signed
from tests.flows.test_chaos import scene
from tests.flows.tree import Tree, free_ports, until
from tests.migrated import SQLITE
from webhooks.ingest.group import MAX_PENDING, MAX_UNDER_WAY
from webhooks.ingest.statements import MAX_ROWS
from webhooks.models import Event

pytestmark = pytest.mark.flow
# A sender on a busy machine is a little behind.
TIMES, NEARLY = 3, 0.9
# Somebody else has the database for so long, and then nobody for so long.
HELD_S, FREE_S = 0.7, 0.05
# What the entrance can take is measured first, by more than it can.
WARM_S, WARM_RATE = 8.0, 2000.0
# What may wait for the database, and room for what is refused meanwhile.
WAITING = MAX_PENDING + MAX_UNDER_WAY * MAX_ROWS
CONNECTIONS = WAITING + 600
# ASSURANCE T57: flat. A list that is full again, and a heap in pieces, are not a leak.
GROWTH_KB = 16 * 1024
SENT_AGAIN = 200
DONE_S, PER_EVENT_S = 60.0, 0.01


def hold(tree: Tree, stop: threading.Event) -> None:
    """Keep writers out of the events for most of the time, as another process may."""
    if url := tree.environment.get("DATABASE_URL"):
        connection = psycopg.connect(url, autocommit=True)
        lock = "LOCK TABLE webhooks_event IN SHARE MODE"
    else:
        place = tree.data_dir / SQLITE
        connection = sqlite3.connect(place, timeout=20, isolation_level=None)
        lock = "PRAGMA user_version"
    begin = "BEGIN" if url else "BEGIN IMMEDIATE"
    while not stop.is_set():
        connection.execute(begin)
        connection.execute(lock)
        stop.wait(HELD_S)
        connection.execute("ROLLBACK")
        stop.wait(FREE_S)
    connection.close()


@contextmanager
def held(tree: Tree) -> Iterator[None]:
    """The database is somebody else's most of the time."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold, tree, stop)
        try:
            yield
        finally:
            stop.set()
        holding.result()


def memory_kb(tree: Tree, what: str) -> int:
    """The entrance's memory now (`VmRSS`), or at its highest so far (`VmHWM`)."""
    (pid,) = tree.pids("intake")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


@dataclass
class Crowd:
    """Who sends, and what came of all of it so far."""

    tree: Tree
    address: str
    accepted: dict[str, str]
    refused: int = 0
    sent: int = 0

    def send(self, rate: float, seconds: float) -> Flood:
        """So many events a second for so long; each is accepted or told to come again."""
        parts = urlsplit(self.address)
        assert parts.port
        job = Job(
            parts.port, parts.path, SECRET, first=self.sent, rate=rate, times=TIMES,
            seconds=seconds, connections=CONNECTIONS,
        )  # fmt: skip
        found = flood(job)
        assert found.other == {"no answer": 0}
        assert len(found.accepted) + len(found.refused) == found.sent
        assert found.accepted
        assert len(found.refused) > SENT_AGAIN
        self.accepted |= {f"msg_{number}": event for number, event in found.accepted.items()}
        self.refused += len(found.refused)
        self.sent += found.sent
        return found

    def send_again(self, numbers: list[int]) -> None:
        """What was refused; it is new, as a refused event leaves nothing behind."""
        with httpx.Client(timeout=10) as client:
            for number in numbers:
                body, name = body_of(number), f"msg_{number}"
                answer = client.post(self.address, content=body, headers=signed(body, name))
                assert answer.status_code == 202, answer.text
                self.accepted[name] = answer.json()["event"]

    def drained_s(self) -> float:
        """How long it takes until nothing waits any more."""
        begun = time.monotonic()
        due = "SELECT count(*) FROM webhooks_event WHERE due_at IS NOT NULL"
        within_s = DONE_S + len(self.accepted) * PER_EVENT_S
        until(lambda: not self.tree.sql(due)[0][0], "all are processed", within_s=within_s,
              poll_s=0.5)  # fmt: skip
        return time.monotonic() - begun

    def look(self) -> None:
        """Accepted = stored = processed, and nothing else is there; refused is counted."""
        rows = self.tree.sql("SELECT event_id, id, status FROM webhooks_event")
        found = [(name, ids.encode(Event.PREFIX, uuid.UUID(str(key))), status)
                 for name, key, status in rows]  # fmt: skip
        wanted = [(name, event, "processed") for name, event in self.accepted.items()]
        assert Counter(found) == Counter(wanted)
        counts = "SELECT reason, sum(count) FROM webhooks_refusal GROUP BY reason"
        until(lambda: self.tree.sql(counts) == [("overloaded", self.refused)],
              f"{self.refused} are counted as refused")  # fmt: skip


def ms(values: list[float]) -> str:
    """The middle one and the slowest of a hundred."""
    return f"{statistics.median(values):.0f} ms, p99 {statistics.quantiles(values, n=100)[-1]:.0f}"


def overload(stack: ExitStack, seconds: float) -> str:
    """Three times what it can take for so long; the figures of the run."""
    (port,) = free_ports(1)
    here = scene(stack, "--intake", "1", "--intake-port", str(port), more_ports=(port,))
    crowd = Crowd(here.tree, here.provider.addresses[1], {})
    with held(here.tree):
        warm = crowd.send(WARM_RATE, WARM_S)
        before = memory_kb(here.tree, "VmRSS"), memory_kb(here.tree, "VmHWM")
        load = crowd.send(TIMES * warm.accepted_per_s, seconds)
        after = memory_kb(here.tree, "VmRSS"), memory_kb(here.tree, "VmHWM")
    # What waits at the end of the time is accepted after it.
    assert load.sent >= NEARLY * TIMES * (len(load.accepted) - WAITING)
    took = crowd.drained_s()
    crowd.send_again(load.refused[:: len(load.refused) // SENT_AGAIN])
    crowd.drained_s()
    told = (
        f"{seconds:.0f} s, {load.sent / load.seconds:.0f} events a second of which "
        f"{load.accepted_per_s:.0f} can be taken: {len(load.accepted)} accepted "
        f"({ms(load.accepted_ms)}), {len(load.refused)} refused "
        f"({ms(load.refused_ms)}); all processed {took:.0f} s later; memory "
        f"{before[0] / 1024:.1f} MB before, {after[0] / 1024:.1f} MB after, "
        f"{before[1] / 1024:.1f} and {after[1] / 1024:.1f} MB at the highest"
    )
    crowd.look()
    assert after[1] - before[1] <= GROWTH_KB, told
    return told


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(20, marks=pytest.mark.long), pytest.param(120, marks=pytest.mark.release)],
)
def test_three_times_too_much_is_refused_and_what_is_accepted_is_processed(
    seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        told = overload(stack, seconds)
    with capsys.disabled():
        # T201: the figures of this run.
        print(f"\nT57 {told}")  # noqa: T201
