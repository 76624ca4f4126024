"""Whose votes count, how far they go, and who may vote next: four eyes (pure)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from approvals.findings import Finding, Ruling
from approvals.requirement import (
    DEFAULT_REVIEWERS,
    Alternative,
    Requirement,
    Stage,
    is_stricter,
    names_of_person,
    requirement_hash,
)

__all__ = [
    "DEFAULT_REVIEWERS",
    "Alternative",
    "AlternativeStanding",
    "PersonFacts",
    "Requirement",
    "Stage",
    "StageStanding",
    "Standing",
    "Vote",
    "is_routed_to",
    "is_stricter",
    "may_decide",
    "requirement_hash",
    "standing",
]


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A member as the rules of deciding see it, in the action's environment."""

    user_id: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    email: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Every entry of `reviewers` that names this person."""
        return names_of_person(roles=self.roles, groups=self.groups, email=self.email)


@dataclass(frozen=True, slots=True)
class Vote:
    """One member's decision on the present version, cast in the stage that was open then."""

    person: PersonFacts
    approves: bool
    stage: int = 0


@dataclass(frozen=True, slots=True)
class AlternativeStanding:
    """How far one alternative of a stage is: who of those it names has agreed."""

    alternative: Alternative
    voters: tuple[str, ...]

    @property
    def have(self) -> int:
        """How many people it names have agreed."""
        return len(self.voters)

    @property
    def missing(self) -> int:
        """How many more are needed."""
        return max(0, max(1, self.alternative.quorum) - self.have)


@dataclass(frozen=True, slots=True)
class StageStanding:
    """How far one stage is: each of its alternatives."""

    name: str
    alternatives: tuple[AlternativeStanding, ...]

    @property
    def is_satisfied(self) -> bool:
        """Whether one of the alternatives is."""
        return any(not way.missing for way in self.alternatives)

    @property
    def nearest(self) -> AlternativeStanding:
        """The alternative that needs the fewest more people."""
        return min(self.alternatives, key=lambda way: way.missing)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the vote stands: each stage, and the refusals."""

    stages: tuple[StageStanding, ...]
    rejections: int
    rejections_end_at: int

    @property
    def satisfied(self) -> bool:
        """Whether everybody who must agree has, and not too many refused."""
        return not self.is_rejected and all(stage.is_satisfied for stage in self.stages)

    @property
    def is_rejected(self) -> bool:
        """Whether enough people refused to end the matter."""
        return self.rejections >= self.rejections_end_at

    @property
    def open_stage(self) -> int:
        """The number of the stage that waits, from 0; of the last one where none does."""
        waiting = [n for n, stage in enumerate(self.stages) if not stage.is_satisfied]
        return waiting[0] if waiting else len(self.stages) - 1

    @property
    def current(self) -> StageStanding:
        """The stage that waits, or the last one."""
        return self.stages[self.open_stage]

    def would_satisfy(self, person: PersonFacts) -> bool:
        """Whether this person's approval in the open stage is all that is missing."""
        waiting = [stage for stage in self.stages if not stage.is_satisfied]
        return len(waiting) == 1 and any(
            way.missing == 1 and not person.names.isdisjoint(way.alternative.names)
            for way in waiting[0].alternatives
        )

    @property
    def needed(self) -> int:
        """How many votes the nearest alternative of the open stage needs."""
        return max(1, self.current.nearest.alternative.quorum)

    @property
    def have(self) -> int:
        """How many votes it has."""
        return self.current.nearest.have


def standing(
    requirement: Requirement, votes: Iterable[Vote], *, excluded: Collection[str] = ()
) -> Standing:
    """Where the vote stands; a person counts once, those in `excluded` do not agree at all.

    A vote counts in the stage it was cast in, for the alternatives that name its person. Whoever
    refused does not agree, whatever else they said.
    """
    cast = list(votes)
    refusing = {vote.person.user_id for vote in cast if not vote.approves}
    counted: dict[str, Vote] = {}
    for vote in cast:
        if vote.approves and vote.person.user_id not in {*refusing, *excluded}:
            counted.setdefault(vote.person.user_id, vote)
    stages = tuple(
        _stage(stage, [vote for vote in counted.values() if vote.stage == number])
        for number, stage in enumerate(requirement.steps)
    )
    return Standing(stages, len(refusing), max(1, requirement.rejections))


def _stage(stage: Stage, votes: list[Vote]) -> StageStanding:
    ways = tuple(
        AlternativeStanding(
            choice,
            tuple(v.person.user_id for v in votes if not v.person.names.isdisjoint(choice.names)),
        )
        for choice in stage.choices
    )
    return StageStanding(stage.name, ways)


def may_decide(
    requirement: Requirement,
    person: PersonFacts,
    *,
    requester_ids: Collection[str],
    run_starter_id: str | None = None,
    editor_ids: Collection[str] = (),
    approving: bool = True,
    stage: int | None = None,
) -> Finding | None:
    """Why this member may not decide, or None where nothing speaks against it.

    `requester_ids` are all people behind the request: its person, the owner of its key or agent,
    the editor of its route. `editor_ids` are all who edited the arguments, not the last one only.
    `stage` is the one that is open; without it, it is enough that any stage names the person. The
    caller has asked for the permission itself (and that it is a person at all) before.
    """
    if person.user_id in requester_ids:
        return _denied("own_action", "Nobody decides an action they asked for or answer for.")
    if requirement.exclude_run_starter and person.user_id == run_starter_id:
        return _denied("run_starter", "Who started the run does not decide this action.")
    if requirement.edit_needs_second and approving and person.user_id in editor_ids:
        return _denied("own_edit", "Who edited this action leaves the decision to somebody else.")
    return _routing(requirement, person, stage)


def _routing(requirement: Requirement, person: PersonFacts, stage: int | None) -> Finding | None:
    if not is_routed_to(requirement, person):
        return _denied("not_routed", f"This action waits for {requirement.words}.")
    if stage is None or not person.names.isdisjoint(requirement.steps[stage].names):
        return None
    waiting = requirement.steps[stage]
    turn = f"It is the turn of stage “{waiting.name}”: {waiting.words}."
    own = [n for n, step in enumerate(requirement.steps) if not person.names.isdisjoint(step.names)]
    if any(number > stage for number in own):
        name = requirement.steps[next(n for n in own if n > stage)].name
        return _denied("not_your_stage", f"{turn} Stage “{name}”, which is yours, comes later.")
    return _denied("not_your_stage", f"{turn} The stage that was yours is done.")


def is_routed_to(requirement: Requirement, person: PersonFacts) -> bool:
    """Whether any stage of the requirement names this member by role, group or address."""
    return any(not person.names.isdisjoint(stage.names) for stage in requirement.steps)


def _denied(code: str, detail: str) -> Finding:
    return Finding("quorum", code, detail, Ruling.DENY)
