"""Two judgements of one action side by side: what would change for agent and people (pure)."""

from enum import StrEnum

from approvals.findings import Ruling
from approvals.policy.engine import Evaluation
from approvals.requirement import Requirement
from audit.canonical import JSON
from gateway.lib.tongue import gettext_noop


class Change(StrEnum):
    """What another list of rules would make of an action that was judged by a first one."""

    SAME = "same"
    RUNS = "newly_run"
    WAITS = "newly_wait"
    DENIED = "newly_denied"
    TERMS = "other_terms"

    @property
    def words(self) -> str:
        """The change in words, as counts and filters name it."""
        return _WORDS[self]


_WORDS = {
    Change.SAME: gettext_noop("Same verdict"),
    Change.RUNS: gettext_noop("Would newly run by themselves"),
    Change.WAITS: gettext_noop("Would newly wait for a person"),
    Change.DENIED: gettext_noop("Would newly be denied"),
    Change.TERMS: gettext_noop("Would ask other people or on other terms"),
}
_TO = {Ruling.ALLOW: Change.RUNS, Ruling.REQUIRE_APPROVAL: Change.WAITS, Ruling.DENY: Change.DENIED}
DISAGREEMENTS = (Change.RUNS, Change.WAITS, Change.DENIED, Change.TERMS)


def change(before: Evaluation, after: Evaluation) -> Change:
    """What `after` would change; where only the reason's words differ, nothing."""
    if before.verdict is not after.verdict:
        return _TO[after.verdict]
    if terms(before) != terms(after):
        return Change.TERMS
    return Change.SAME


def terms(said: Evaluation) -> dict[str, JSON]:
    """What an evaluation asks for, without its words."""
    return {"hold_s": said.hold_s, **_asked(said.requirement)}


def _asked(requirement: Requirement | None) -> dict[str, JSON]:
    return {**requirement.as_dict(), "reason": ""} if requirement else {}
