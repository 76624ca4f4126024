"""Small charts that need no script: bars over hours or days, as rectangles of an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

WIDTH = 288
HEIGHT = 32
# A single one stays visible beside thousands.
MIN_BAR = 2.0


@dataclass(frozen=True)
class Bar:
    """One hour or day: where it stands, how high, and what it says."""

    x: float
    y: float
    width: float
    height: float
    label: str
    count: int


@dataclass(frozen=True)
class Spark:
    """A row of bars; `label` is for whoever does not see them."""

    bars: tuple[Bar, ...]
    label: str
    width: int = WIDTH
    height: int = HEIGHT


def spark(counts: Sequence[tuple[datetime, int]], *, label: str, form: str) -> Spark:
    """Bars of these counts, the highest as high as the chart; empty buckets draw nothing."""
    peak = max((count for _, count in counts), default=0) or 1
    step = WIDTH / max(len(counts), 1)
    bars = []
    for at, (moment, count) in enumerate(counts):
        if count:
            high = max(MIN_BAR, HEIGHT * count / peak)
            text = f"{moment.strftime(form)}: {count}"
            bars.append(
                Bar(
                    round(at * step, 2), round(HEIGHT - high, 2), round(step * 0.8, 2),
                    round(high, 2), text, count,
                )
            )  # fmt: skip
    total = sum(count for _, count in counts)
    return Spark(
        tuple(bars),
        gettext("{label}: {total} in all, at most {most} at once").format(
            label=label, total=total, most=peak if total else 0
        ),
    )
