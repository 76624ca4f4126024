"""What must happen before an action may run: who agrees, how many, in which order (pure)."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from audit.canonical import JSON, digest

DAY_S = 86_400
MAX_QUORUM = 20
MIN_EXPIRES_S = 60
MAX_EXPIRES_S = 90 * DAY_S
MAX_HOLD_S = 7 * DAY_S
MAX_STAGES = 5
MAX_ALTERNATIVES = 4  # beside the first
MAX_REVIEWERS = 50
DEFAULT_REVIEWERS = ("role:reviewer",)
REVIEWER_KINDS = ("role", "group", "user")
# What a role includes beside itself (an admin is operator and reviewer as well).
_INCLUDED = {"admin": ("reviewer", "operator")}
# What every stored requirement has. The others are left out where they say nothing, so that the
# hash of a requirement does not change because the language of rules grew.
_ALWAYS = frozenset(
    {
        "reviewers", "quorum", "expires_in_s", "hold_s", "edit_needs_second",
        "exclude_run_starter", "reason",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to agree: this many of these; where nobody is named, of whoever is a reviewer."""

    reviewers: tuple[str, ...] = ()
    quorum: int = 1

    @property
    def names(self) -> frozenset[str]:
        """Whom it names, addresses in lower case."""
        return frozenset(map(normal, self.reviewers or DEFAULT_REVIEWERS))

    @property
    def words(self) -> str:
        """“2 of group:finance”."""
        return f"{self.quorum} of {', '.join(self.reviewers or DEFAULT_REVIEWERS)}"


@dataclass(frozen=True, slots=True)
class Stage:
    """One of several groups of people who agree one after the other.

    `reviewers` and `quorum` are the first way to satisfy it, `alternatives` the others.
    """

    name: str = ""
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    alternatives: tuple[Alternative, ...] = ()

    @property
    def choices(self) -> tuple[Alternative, ...]:
        """Every way to satisfy this stage; one is enough."""
        return (Alternative(self.reviewers, self.quorum), *self.alternatives)

    @property
    def names(self) -> frozenset[str]:
        """Whom any of its alternatives names."""
        return frozenset().union(*(choice.names for choice in self.choices))

    @property
    def words(self) -> str:
        """“2 of group:finance or 1 of role:admin”."""
        return " or ".join(choice.words for choice in self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What must happen before an action may run; the durations are in seconds.

    `reviewers` are `role:x`, `group:x` or `user:mail`; none means whoever is a reviewer.
    `reviewers` with `quorum` are the first way to agree and `alternatives` the others; where there
    are `stages`, these three are the stages' business. The `rejections`-th refusal ends the action.
    `remind_at` and `escalate_at` are fractions of the time to decide, 0 for never.
    """

    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    alternatives: tuple[Alternative, ...] = ()
    stages: tuple[Stage, ...] = ()
    rejections: int = 1
    expires_in_s: int = DAY_S
    remind_at: float = 0.0
    escalate_at: float = 0.0
    escalate_to: tuple[str, ...] = ()
    hold_s: int = 0
    step_up: bool = False
    edit_needs_second: bool = False
    exclude_run_starter: bool = False
    reason: str = ""

    @property
    def steps(self) -> tuple[Stage, ...]:
        """The stages in their order; without any, the one that the other fields describe."""
        return self.stages or (Stage("", self.reviewers, self.quorum, self.alternatives),)

    @property
    def words(self) -> str:
        """Who must agree, as a sentence part."""
        return ", then ".join(stage.words for stage in self.steps)

    def as_dict(self) -> dict[str, JSON]:
        """A plain JSON object; reviewers sorted, because their order means nothing."""
        return {
            field.name: _plain(getattr(self, field.name))
            for field in fields(self)
            if field.name in _ALWAYS or getattr(self, field.name) != field.default
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, JSON]) -> "Requirement":
        """The requirement as it was stored; raises ValueError for unknown fields."""
        return cls(**_values(cls, stored))

    @property
    def hash(self) -> str:
        """SHA-256 of the plain form: the part of an action's digest."""
        return requirement_hash(self)


def requirement_hash(requirement: Requirement | None) -> str:
    """The stable hash of a requirement; that of "nobody needs to agree" is one as well."""
    return digest(None if requirement is None else requirement.as_dict())


def escalated(requirement: Requirement) -> Requirement:
    """The requirement once it was escalated: those it went to count in every alternative."""

    def wider(choice: Alternative) -> Alternative:
        return replace(choice, reviewers=tuple(sorted({*choice.names, *more})))

    more = requirement.escalate_to
    if not more:
        return requirement
    stages = []
    for stage in requirement.steps:
        first, *others = map(wider, stage.choices)
        stages.append(Stage(stage.name, first.reviewers, first.quorum, tuple(others)))
    if requirement.stages:
        return replace(requirement, stages=tuple(stages))
    only = stages[0]
    return replace(requirement, reviewers=only.reviewers, alternatives=only.alternatives)


def is_stricter(new: Requirement | None, old: Requirement | None) -> bool:
    """Whether votes gathered under `old` may not be enough for `new`; None asks for nobody.

    Somebody who could decide before and cannot now makes it stricter; the reason's words do not.
    In doubt it is stricter: then people are asked again.
    """
    if new is None:
        return False
    if old is None:
        return True
    return (
        not _keeps_stages(old.steps, new.steps)
        or not _keeps_escalation(old, new)
        or new.rejections < old.rejections
        or new.hold_s > old.hold_s
        or new.expires_in_s < old.expires_in_s
        or (new.step_up and not old.step_up)
        or (new.edit_needs_second and not old.edit_needs_second)
        or (new.exclude_run_starter and not old.exclude_run_starter)
    )


def stricter_of(new: Requirement, old: Requirement) -> Requirement:
    """Both in one: neither the people nor the precautions of either are lost.

    The people are the old ones wherever their votes would be enough for the new as well.
    """
    people = old if _keeps_stages(old.steps, new.steps) else new
    return replace(
        people,
        rejections=min(new.rejections, old.rejections),
        expires_in_s=min(new.expires_in_s, old.expires_in_s),
        hold_s=max(new.hold_s, old.hold_s),
        step_up=new.step_up or old.step_up,
        edit_needs_second=new.edit_needs_second or old.edit_needs_second,
        exclude_run_starter=new.exclude_run_starter or old.exclude_run_starter,
    )


def names_of_person(*, roles: Iterable[str], groups: Iterable[str], email: str) -> frozenset[str]:
    """Every entry of `reviewers` that names this person."""
    names = {name for role in roles for name in _implied(f"role:{role}")}
    return frozenset(names | {f"group:{group}" for group in groups} | {normal(f"user:{email}")})


def reviewer_problem(text: str) -> str | None:
    """What is wrong with one entry of `reviewers`, or None."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in REVIEWER_KINDS or not name.strip():
        return "use role:name, group:name or user:address"
    if kind == "user" and "@" not in name:
        return "user: needs an e-mail address"
    return None


def normal(reviewer: str) -> str:
    """An entry of `reviewers` as it is compared: addresses do not know case."""
    return reviewer.lower() if reviewer.startswith("user:") else reviewer


def _keeps_stages(old: tuple[Stage, ...], new: tuple[Stage, ...]) -> bool:
    """Whether each new stage is satisfied by an old one of its own, in the same order.

    The voters of two stages are different people, so no vote is counted for two of the new ones.
    """
    passed: Iterator[Stage] = iter(old)
    return all(any(_keeps_stage(before, after) for before in passed) for after in new)


def _keeps_stage(old: Stage, new: Stage) -> bool:
    """Whether however the old stage was satisfied, the new one is as well."""
    return all(any(_keeps(was, now) for now in new.choices) for was in old.choices)


def _keeps(old: Alternative, new: Alternative) -> bool:
    return new.quorum <= old.quorum and _covers(new.names, old.names)


def _keeps_escalation(old: Requirement, new: Requirement) -> bool:
    """Whether whoever could decide because of an escalation still can, and as early."""
    if not old.escalate_to or not old.escalate_at:
        return True
    covered = _covers(set(map(normal, new.escalate_to)), set(map(normal, old.escalate_to)))
    seconds = new.escalate_at * new.expires_in_s
    return covered and 0 < seconds <= old.escalate_at * old.expires_in_s


def _covers(names: Collection[str], others: Collection[str]) -> bool:
    """Whether everybody whom `others` name is named by `names`, whatever else they are."""
    return all(not _implied(other).isdisjoint(names) for other in others)


def _implied(name: str) -> frozenset[str]:
    """The name itself, and for a role those that it includes."""
    role = name.removeprefix("role:")
    included = _INCLUDED.get(role, ()) if name.startswith("role:") else ()
    return frozenset({name, *(f"role:{other}" for other in included)})


def _plain(value: Any) -> JSON:
    """One field's value as JSON: parts whole, lists of names sorted and without twins."""
    if isinstance(value, Alternative | Stage):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        if all(isinstance(entry, str) for entry in value):
            return sorted(set(value))
        return [_plain(entry) for entry in value]
    return value  # type: ignore[no-any-return]


def _values(kind: type[Alternative | Stage | Requirement], stored: Any) -> dict[str, Any]:
    """The values of a part as `_plain` wrote it; raises ValueError for what it does not know."""
    if not isinstance(stored, Mapping):
        raise ValueError(f"a {kind.__name__.lower()} is stored as an object")
    if unknown := set(stored) - {field.name for field in fields(kind)}:
        raise ValueError(f"unknown fields of a {kind.__name__.lower()}: {sorted(unknown)}")
    values = dict(stored)
    for name in ("reviewers", "escalate_to"):
        if name in values:
            values[name] = tuple(values[name])
    for name, part in (("alternatives", Alternative), ("stages", Stage)):
        if name in values:
            values[name] = tuple(part(**_values(part, entry)) for entry in values[name])
    return values
