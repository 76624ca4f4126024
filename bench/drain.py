"""How fast one worker process works off a backlog of events that are only recorded."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg

from bench.places import Place
from bench.servers import worker

# Word for word the condition of the partial index, or SQLite reads the whole table.
OPEN = "SELECT count(*) FROM webhooks_event WHERE due_at IS NOT NULL"
LOOK_S = 0.05
START_S = 30.0
# Long enough for a rate, where the whole backlog would take too long.
LONGEST_S = 8.0


def drained_per_s(place: Place, url: str) -> float:
    """Events a second, from the first that were finished on: the worker's start does not count."""
    environment = place.environment | {"DATABASE_URL": url}
    with _counting(url) as left, worker(environment, place):
        total = left()
        first = _below(total, left, within_s=START_S)
        if first == total:
            raise RuntimeError("The worker does not begin: see the log.")
        began = time.perf_counter()
        last = _below(1, left, within_s=LONGEST_S)
        return (first - last) / (time.perf_counter() - began)


def _below(bound: int, left: Callable[[], int], *, within_s: float) -> int:
    """How many are left once they are fewer than that, or when the time is over."""
    give_up = time.monotonic() + within_s
    while (count := left()) >= bound and time.monotonic() < give_up:
        time.sleep(LOOK_S)
    return count


@contextmanager
def _counting(url: str) -> Iterator[Callable[[], int]]:
    """How many events are not at their end."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            yield lambda: int(connection.execute(OPEN).fetchone()[0])
    else:
        with psycopg.connect(url, autocommit=True) as found:
            yield lambda: int(found.execute(OPEN).fetchone()[0])  # type: ignore[index]
