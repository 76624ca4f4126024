"""What is promised of the figures, and whether this run holds it.

A goal is what a quiet machine reaches; a floor is what must hold on any, else the bench fails.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.book import (
    BURST,
    DRAIN,
    DUPLICATES,
    FIXED,
    LARGE,
    Book,
    Measured,
    Spread,
    Value,
    p99_ms,
    peak_mb,
    per_s,
)
from bench.servers import TITLES, Candidate

SMALL, MIDDLE, MAXIMAL = 1024, 8192, 1024 * 1024
# Peers that use no database.
ALONE = ("fastapi", "webhook")


@dataclass(frozen=True)
class Goal:
    """One line of the verdict; without `wanted` it is told, not judged."""

    text: str
    found: Spread
    unit: str
    wanted: float | None = None
    floor: float | None = None
    is_most: bool = False

    @property
    def is_failed(self) -> bool:
        """Whether not even the floor holds."""
        return not self._holds(self.floor)

    def _holds(self, bound: float | None) -> bool:
        if bound is None:
            return True
        return self.found.median <= bound if self.is_most else self.found.median >= bound

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.wanted is None:
            return "told only"
        if self._holds(self.wanted):
            return "reached"
        return "BELOW THE FLOOR" if self.is_failed else "not reached"


@dataclass(frozen=True)
class Of:
    """Which rows of the book; on which database is said later."""

    server: str
    figure: str = BURST
    size: int = SMALL
    has_worker: bool = False

    def rows(self, book: Book, database: str) -> list[Measured]:
        """One entry a round."""
        candidate = Candidate(
            self.server, "" if self.server in ALONE else database, self.has_worker
        )
        return book.get(candidate, self.figure, self.size)


@dataclass(frozen=True)
class Comparison:
    """Ours beside a peer's, round by round."""

    text: str
    ours: Of
    peer: Of
    wanted: float | None = None
    floor: float | None = None
    value: Value = per_s
    is_most: bool = False


OURS, FASTAPI = Of("uvicorn"), Of("fastapi")
STEADY = Of("uvicorn", has_worker=True)
COMPARISONS = (
    Comparison("1 KB, of FastAPI", OURS, FASTAPI, 1.5, 1.2),
    Comparison(
        "8 KB, of FastAPI", Of("uvicorn", size=MIDDLE), Of("fastapi", size=MIDDLE), 2.0, 1.2
    ),
    Comparison("1 KB, of DRF + dramatiq", OURS, Of("drf"), 40.0, 20.0),
    Comparison("1 KB, of Debian's webhook", OURS, Of("webhook")),
    Comparison("1 KB, of one row a commit", OURS, Of("limit")),
    Comparison(
        "p99 at the fixed rate, of FastAPI's", Of("uvicorn", FIXED), Of("fastapi", FIXED), 4.0,
        value=p99_ms, is_most=True,
    ),
    Comparison("duplicates, of new events", Of("uvicorn", DUPLICATES), OURS, 1.0),
    Comparison("daphne, 1 KB, of FastAPI", Of("daphne"), FASTAPI, 0.3, 0.25),
    # The goal is a multiple of the peer, as all of them; what the workers cost is told beside it.
    Comparison("workers running, of FastAPI", STEADY, FASTAPI, 0.7),
    Comparison("workers running, of workers stopped", STEADY, OURS),
)  # fmt: skip
DRAINED_PER_S = 8000.0
MEMORY_MB = 120.0


def goals(book: Book, databases: list[str]) -> list[Goal]:
    """Every goal that something was measured for."""
    return [goal for database in databases for goal in _on(database, book)]


def _on(database: str, book: Book) -> Iterator[Goal]:
    on = TITLES[database]
    for one in COMPARISONS:
        rows, peers = (of.rows(book, database) for of in (one.ours, one.peer))
        beside = book.beside(rows, one.value) if one.peer.server == FASTAPI.server else None
        if found := beside or book.ratio(rows, peers, one.value):
            yield Goal(f"{on}: {one.text}", found, "×", one.wanted, one.floor, one.is_most)
    drain = Of("uvicorn", DRAIN).rows(book, database)
    if found := book.spread(drain, per_s):
        yield Goal(f"{on}: drained by one worker process", found, "/s", DRAINED_PER_S)
    yield from _memory(on, database, book)


def _memory(on: str, database: str, book: Book) -> Iterator[Goal]:
    usual = [OURS, Of("uvicorn", size=MIDDLE)]
    for text, parts in (("1 and 8 KB", usual), ("32 × 1 MiB", [Of("uvicorn", LARGE, MAXIMAL)])):
        peaks = [peak_mb(row) for of in parts for row in of.rows(book, database)]
        if peaks:
            # The most counts, not the median: memory has no good rounds.
            found = Spread(max(peaks), min(peaks), max(peaks))
            text = f"{on}: memory of the intake process, {text}"
            yield Goal(text, found, "MB", MEMORY_MB, is_most=True)
