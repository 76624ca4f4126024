"""What was measured: per candidate and figure one entry a round, and ratios inside rounds."""

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from bench.servers import Candidate

# The figures: as fast as it goes, events known already, a fixed rate, 32 bodies of 1 MiB at once,
# a backlog worked off.
BURST, DUPLICATES, FIXED, LARGE, DRAIN = "burst", "duplicates", "fixed", "large", "drain"
FIGURES = (BURST, DUPLICATES, FIXED, LARGE, DRAIN)


@dataclass(frozen=True)
class Measured:
    """One candidate in one round, or slice of it; what has no meaning for a figure is 0."""

    per_s: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    peak_mb: float = 0.0
    cpu_us: float = 0.0
    # The peer's value of the same figure, measured in the slices between; 0 where that was in its
    # own step.
    beside: float = 0.0


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


Value = Callable[[Measured], float]


class Book:
    """Every measurement of one run of the bench."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Candidate, str, int], list[Measured]] = defaultdict(list)

    def add(self, candidate: Candidate, figure: str, *, size: int, measured: Measured) -> None:
        """Keep what one round gave."""
        self.rows[candidate, figure, size].append(measured)

    def get(self, candidate: Candidate, figure: str, size: int) -> list[Measured]:
        """What the rounds gave; empty where it was not measured."""
        return self.rows.get((candidate, figure, size), [])

    def spread(self, rows: list[Measured], value: Value) -> Spread | None:
        """One value over the rounds; None where nothing was measured."""
        return Spread.of([value(row) for row in rows]) if rows else None

    def ratio(self, rows: list[Measured], peers: list[Measured], value: Value) -> Spread | None:
        """Round by round, how many times the peer's value; None where either is missing."""
        pairs = list(zip(rows, peers, strict=False))
        found = [value(row) / value(peer) for row, peer in pairs if value(peer)]
        return Spread.of(found) if found else None

    def beside(self, rows: list[Measured], value: Value) -> Spread | None:
        """Row by row, how many times the peer's value in the slices between."""
        found = [value(row) / row.beside for row in rows if row.beside]
        return Spread.of(found) if found else None


def per_s(row: Measured) -> float:
    """Events a second."""
    return row.per_s


def p99_ms(row: Measured) -> float:
    """What one request in a hundred exceeds, in milliseconds."""
    return row.p99_ms


def peak_mb(row: Measured) -> float:
    """The most memory ever held, in MB."""
    return row.peak_mb
