"""The bench's verdicts: ratios inside a round, goals of a quiet machine, floors of any."""

import pytest

from bench.book import BURST, DRAIN, FIXED, LARGE, Book, Measured, Spread
from bench.goals import MAXIMAL, SMALL, Goal, goals
from bench.servers import Candidate

OURS, FASTAPI = Candidate("uvicorn", "sqlite"), Candidate("fastapi")


def book(*entries: tuple[Candidate, str, int, list[Measured]]) -> Book:
    """A book with these rounds."""
    found = Book()
    for candidate, figure, size, rows in entries:
        for row in rows:
            found.add(candidate, figure, size=size, measured=row)
    return found


def verdicts(filled: Book) -> dict[str, str]:
    """What is said of each goal."""
    return {goal.text: goal.verdict for goal in goals(filled, ["sqlite", "postgresql"])}


def per_s(*values: float) -> list[Measured]:
    """One round after the other."""
    return [Measured(value, p99_ms=1000 / value, peak_mb=value / 100) for value in values]


def test_the_ratio_is_taken_inside_each_round() -> None:
    # A slow minute slows both: the median of ratios says 2, the ratio of medians would say 1.
    filled = book((OURS, BURST, SMALL, per_s(200, 20, 2000)),
                  (FASTAPI, BURST, SMALL, per_s(100, 200, 1000)))  # fmt: skip
    (found, *_) = goals(filled, ["sqlite"])
    assert (found.found.median, found.found.low, found.found.high) == (2.0, 0.1, 2.0)


@pytest.mark.parametrize(
    ("ours", "verdict"), [(1.5, "reached"), (1.4, "not reached"), (1.1, "BELOW THE FLOOR")]
)
def test_a_goal_is_reached_missed_or_below_its_floor(ours: float, verdict: str) -> None:
    filled = book((OURS, BURST, SMALL, per_s(1000 * ours)), (FASTAPI, BURST, SMALL, per_s(1000)))
    assert verdicts(filled)["SQLite FULL: 1 KB, of FastAPI"] == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(50.0, "reached"), (20.0, "not reached")])
def test_the_tail_may_be_four_times_the_peers(ours: float, verdict: str) -> None:
    filled = book((OURS, FIXED, SMALL, per_s(ours)), (FASTAPI, FIXED, SMALL, per_s(200)))
    found = verdicts(filled)
    assert found["SQLite FULL: p99 at the fixed rate, of FastAPI's"] == verdict


def test_of_memory_the_worst_round_counts() -> None:
    filled = book((OURS, LARGE, MAXIMAL, per_s(9000, 9000, 12_100)))
    assert verdicts(filled) == {
        "SQLite FULL: memory of the intake process, 32 × 1 MiB": "not reached"
    }


def test_what_was_not_measured_is_not_judged() -> None:
    assert verdicts(book((OURS, BURST, 2048, per_s(1)))) == {}
    assert verdicts(book((OURS, DRAIN, SMALL, per_s(8000)))) == {
        "SQLite FULL: drained by one worker process": "reached"
    }


def test_only_a_floor_fails_the_bench() -> None:
    def goal(median: float) -> Goal:
        return Goal("x", Spread(median, median, median), "×", wanted=2.0, floor=1.0)

    assert [goal(value).is_failed for value in (2.0, 1.5, 0.9)] == [False, False, True]
    assert not Goal("x", Spread(0.0, 0.0, 0.0), "×", wanted=2.0).is_failed
