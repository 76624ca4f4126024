"""How reviewers decide, in figures: how many, how long they looked, how often they agreed (pure).

Figures, not judgements: a quick decision may be a good one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

QUICK_S = 3.0


@dataclass(frozen=True, slots=True)
class Cast:
    """One vote; `dwell_s` from opening the card to deciding, None where no card was opened."""

    user_id: str
    approves: bool
    dwell_s: float | None


@dataclass(frozen=True, slots=True)
class Signals:
    """The figures of one reviewer."""

    user_id: str
    decided: int
    approved: int
    quick: int
    unopened: int
    median_dwell_s: float | None

    @property
    def rejected(self) -> int:
        """How many were refused."""
        return self.decided - self.approved

    @property
    def approval_rate(self) -> float:
        """The approved share, from 0 to 1."""
        return self.approved / self.decided

    @property
    def quick_share(self) -> float:
        """The share that was decided within QUICK_S of opening the card, from 0 to 1."""
        return self.quick / self.decided


def signals(votes: Iterable[Cast]) -> list[Signals]:
    """The figures of everybody who voted, whoever decided most first."""
    by_user: dict[str, list[Cast]] = {}
    for vote in votes:
        by_user.setdefault(vote.user_id, []).append(vote)
    found = [_of(user_id, cast) for user_id, cast in by_user.items()]
    return sorted(found, key=lambda line: (-line.decided, line.user_id))


def _of(user_id: str, cast: list[Cast]) -> Signals:
    dwells = [vote.dwell_s for vote in cast if vote.dwell_s is not None]
    return Signals(
        user_id=user_id,
        decided=len(cast),
        approved=sum(vote.approves for vote in cast),
        quick=sum(dwell < QUICK_S for dwell in dwells),
        unopened=len(cast) - len(dwells),
        median_dwell_s=median(dwells) if dwells else None,
    )
