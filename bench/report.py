"""Prints a book: as text for a terminal, or as Markdown to be pasted into the README."""

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Iterator, Sequence

import django

from bench.book import BURST, DUPLICATES, FIXED, Book, Measured, Spread, p99_ms, per_s
from bench.goals import Goal
from bench.plan import PEER, RATE_PER_S
from bench.servers import Candidate

HEADS = ("candidate", "events/s", "p50 ms", "p99 ms", "CPU µs", "peak MB")
GOAL_HEADS = ("goal", "median", "lowest–highest", "wanted", "verdict")
TITLES = {BURST: "new events", DUPLICATES: "known events", FIXED: f"{RATE_PER_S:.0f} a second"}

Cells = Sequence[str]


def surroundings(options: argparse.Namespace) -> str:
    """Where and how this was measured."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, load {load:.1f} at the start, "
        f"Python {platform.python_version()}, Django {django.__version__}, "
        f"SQLite {sqlite3.sqlite_version}; "
        f"{options.connections} connections, {options.seconds:g} s each, rounds: {options.rounds}."
    )


def write(book: Book, goals: list[Goal], *, where: str, is_markdown: bool) -> None:
    """Both tables to standard output."""
    table = _markdown if is_markdown else _text
    print(f"\n{where}\n" if not is_markdown else f"{where}\n")
    for title, heads, rows in _tables(book):
        print(f"**{title}**\n" if is_markdown else title)
        print("\n".join(table(heads, rows)), end="\n\n")
    print("\n".join(table(GOAL_HEADS, [_goal(goal) for goal in goals])))
    sys.stdout.flush()


def _tables(book: Book) -> Iterator[tuple[str, Cells, list[Cells]]]:
    kinds = dict.fromkeys((figure, size) for _, figure, size in book.rows if figure in TITLES)
    for figure, size in kinds:
        candidates = [key[0] for key in book.rows if key[1:] == (figure, size)]
        peers = book.get(PEER, BURST if figure == DUPLICATES else figure, size)
        # At a rate that everybody holds only the waiting differs.
        told, value = ("p99 × FastAPI's", p99_ms) if figure == FIXED else ("× FastAPI", per_s)
        rows = [
            (
                *_row(each, found),
                _times(book.beside(found, value) or book.ratio(found, peers, value)),
            )
            for each in candidates
            if (found := book.get(each, figure, size))
        ]
        yield f"{TITLES[figure]}, {size} bytes", (*HEADS, told), rows


def _row(candidate: Candidate, rows: list[Measured]) -> Cells:
    def median(name: str, digits: int) -> str:
        found = Spread.of([getattr(row, name) for row in rows]).median
        return f"{found:,.{digits}f}" if found else "–"

    return (
        candidate.name, median("per_s", 0), median("p50_ms", 1), median("p99_ms", 1),
        median("cpu_us", 0), median("peak_mb", 0),
    )  # fmt: skip


def _times(found: Spread | None) -> str:
    return f"{found.median:.2f} ({found.low:.2f}–{found.high:.2f})" if found else "–"


def _goal(goal: Goal) -> Cells:
    digits = 2 if goal.unit == "×" else 0
    unit = "" if goal.unit == "/s" else " "
    bound = "≤" if goal.is_most else "≥"

    def shown(value: float, places: int = digits) -> str:
        return f"{value:,.{places}f}"

    wanted = f"{bound} {goal.wanted:,g}{unit}{goal.unit}" if goal.wanted is not None else "–"
    return (
        goal.text, f"{shown(goal.found.median)}{unit}{goal.unit}",
        f"{shown(goal.found.low)}–{shown(goal.found.high)}", wanted, goal.verdict,
    )  # fmt: skip


def _markdown(heads: Cells, rows: Sequence[Cells]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| --- {'| ---: ' * (len(heads) - 1)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _text(heads: Cells, rows: Sequence[Cells]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
    for row in (heads, *rows):
        first, *rest = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first, *(cell.strip().rjust(len(cell)) for cell in rest)])
