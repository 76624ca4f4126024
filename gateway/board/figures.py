"""Figures of an hour as nested counts, how they add up, and quantiles of what was measured. Pure.

A figure is a number, a list of numbers, or a dict of figures, so that hours of one month merge by
one rule and a new kind of figure needs no new table. Lengths of time are counted in buckets that
grow by two percent, so a quantile read from them is right to one percent however many there were.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

Figures = dict[str, Any]
GROWTH = 1.02
_LOG = math.log(GROWTH)


def add(figures: Figures, path: Iterable[str], amount: Any = 1) -> None:
    """Add to the number, or number by number to the list, at the end of the path."""
    *way, last = path
    for name in way:
        figures = figures.setdefault(name, {})
    figures[last] = _sum(figures.get(last), amount)


def merged(parts: Iterable[Figures]) -> Figures:
    """All of them together."""
    total: Figures = {}
    for part in parts:
        for name, value in part.items():
            total[name] = _sum(total.get(name), value)
    return total


def _sum(left: Any, right: Any) -> Any:
    if left is None:
        return _copy(right)
    if isinstance(right, dict):
        return {name: _sum(left.get(name), right.get(name, 0)) for name in left | right}
    if isinstance(right, list):
        return [a + b for a, b in zip(left, right, strict=True)]
    # A dict or list on one side only: a name that this hour does not have counts nothing.
    return left if isinstance(left, dict | list) and not right else left + right


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def bucket(milliseconds: float) -> str:
    """The name of the bucket of this length."""
    return str(round(math.log(max(milliseconds, 1.0)) / _LOG))


def quantile(buckets: Mapping[str, int], share: float) -> float | None:
    """The length, in milliseconds, below which this share of them lies; None where none is."""
    total = sum(buckets.values())
    if not total:
        return None
    wanted, seen = share * total, 0
    places = sorted((int(name), count) for name, count in buckets.items())
    for place, count in places:
        seen += count
        if seen >= wanted:
            return float(GROWTH**place)
    return float(GROWTH ** places[-1][0])


def total(figures: Mapping[str, Any], *path: str) -> int:
    """The number at the end of the path; nought where there is none."""
    found: Any = figures
    for name in path:
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, int) else 0
