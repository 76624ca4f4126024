"""How often a source usually sends, and from when on its silence is worth telling. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

# Shorter pauses say nothing: deployments, deliveries sent again, a provider's lunch.
FLOOR_S = 900.0
MIN_GAPS = 10
LONGER_THAN_LARGEST = 2
LONGER_THAN_USUAL = 5


@dataclass(frozen=True)
class Rhythm:
    """The usual time between two events, and the pause that is unusual, in seconds."""

    usual_s: float
    limit_s: float


def rhythm_of(moments: Sequence[float]) -> Rhythm | None:
    """The rhythm of these times of receipt in any order; None where they are too few to tell."""
    ordered = sorted(moments)
    gaps = [later - earlier for earlier, later in zip(ordered, ordered[1:], strict=False)]
    if len(gaps) < MIN_GAPS:
        return None
    usual = median(gaps)
    limit = max(FLOOR_S, LONGER_THAN_LARGEST * max(gaps), LONGER_THAN_USUAL * usual)
    return Rhythm(usual, limit)
