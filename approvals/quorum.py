"""Who must agree and how many: requirements, counting votes, four eyes (pure)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields

from approvals.findings import Finding, Ruling
from audit.canonical import JSON, digest

DAY_S = 86_400
MAX_QUORUM = 20
MAX_EXPIRES_S = 90 * DAY_S
MAX_HOLD_S = 7 * DAY_S
DEFAULT_REVIEWERS = ("role:reviewer",)
REVIEWER_KINDS = ("role", "group", "user")
# What a role includes beside itself (an admin is operator and reviewer as well).
_INCLUDED = {"admin": ("reviewer", "operator")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What must happen before an action may run; the durations are in seconds.

    `reviewers` are `role:x`, `group:x` or `user:mail`; none means whoever is a reviewer.
    """

    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    expires_in_s: int = DAY_S
    hold_s: int = 0
    edit_needs_second: bool = False
    exclude_run_starter: bool = False
    reason: str = ""

    def as_dict(self) -> dict[str, JSON]:
        """A plain JSON object; the reviewers sorted, because their order means nothing."""
        return {**asdict(self), "reviewers": sorted(set(self.reviewers))}

    @classmethod
    def from_dict(cls, stored: Mapping[str, JSON]) -> "Requirement":
        """The requirement as it was stored; raises ValueError for unknown fields."""
        if unknown := set(stored) - {field.name for field in fields(cls)}:
            raise ValueError(f"unknown fields of a requirement: {sorted(unknown)}")
        values = {**stored, "reviewers": tuple(stored.get("reviewers", ()))}  # type: ignore[arg-type]
        return cls(**values)  # type: ignore[arg-type]

    @property
    def hash(self) -> str:
        """SHA-256 of the plain form: the part of an action's digest."""
        return requirement_hash(self)


def requirement_hash(requirement: Requirement | None) -> str:
    """The stable hash of a requirement; that of "nobody needs to agree" is one as well."""
    return digest(None if requirement is None else requirement.as_dict())


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A member as the rules of deciding see it, in the action's environment."""

    user_id: str
    roles: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    email: str = ""


@dataclass(frozen=True, slots=True)
class Vote:
    """One member's decision on the present version of an action."""

    user_id: str
    approves: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How many votes are needed, how many count, and whether that is enough."""

    needed: int
    have: int
    satisfied: bool


def standing(
    requirement: Requirement, votes: Iterable[Vote], *, excluded: Collection[str] = ()
) -> Standing:
    """Where the vote stands; a person counts once, those in `excluded` not at all.

    Any rejection, even of somebody who approved before, leaves the requirement unsatisfied.
    """
    cast = list(votes)
    approving = {vote.user_id for vote in cast if vote.approves} - set(excluded)
    rejected = any(not vote.approves for vote in cast)
    needed = max(1, requirement.quorum)
    return Standing(needed, len(approving), not rejected and len(approving) >= needed)


def may_decide(
    requirement: Requirement,
    person: PersonFacts,
    *,
    requester_ids: Collection[str],
    run_starter_id: str | None = None,
    editor_id: str | None = None,
    approving: bool = True,
) -> Finding | None:
    """Why this member may not decide, or None where nothing speaks against it.

    `requester_ids` are all people behind the request: its person, the owner of its key or agent,
    the editor of its route. `editor_id` is who last edited the arguments. The caller has asked for
    the permission itself (and that it is a person at all) before.
    """
    if person.user_id in requester_ids:
        return _denied("own_action", "Nobody decides an action they asked for or answer for.")
    if requirement.exclude_run_starter and person.user_id == run_starter_id:
        return _denied("run_starter", "Who started the run does not decide this action.")
    if requirement.edit_needs_second and approving and person.user_id == editor_id:
        return _denied("own_edit", "Who edited this action leaves the decision to somebody else.")
    if not is_routed_to(requirement, person):
        return _denied("not_routed", f"This action waits for {_listed(requirement)}.")
    return None


def is_routed_to(requirement: Requirement, person: PersonFacts) -> bool:
    """Whether the requirement names this member by role, group or address."""
    names = {f"role:{role}" for role in _all_roles(person.roles)}
    names |= {f"group:{group}" for group in person.groups}
    names.add(f"user:{person.email.lower()}")
    return not names.isdisjoint(map(_normal, requirement.reviewers or DEFAULT_REVIEWERS))


def is_stricter(new: Requirement | None, old: Requirement | None) -> bool:
    """Whether votes gathered under `old` are not enough for `new`; None asks for nobody.

    Somebody who could decide before and cannot now makes it stricter; the reason's words do not.
    """
    if new is None:
        return False
    if old is None:
        return True
    could = set(map(_normal, old.reviewers or DEFAULT_REVIEWERS))
    can = set(map(_normal, new.reviewers or DEFAULT_REVIEWERS))
    return (
        bool(could - can)
        or new.quorum > old.quorum
        or new.hold_s > old.hold_s
        or new.expires_in_s < old.expires_in_s
        or (new.edit_needs_second and not old.edit_needs_second)
        or (new.exclude_run_starter and not old.exclude_run_starter)
    )


def reviewer_problem(text: str) -> str | None:
    """What is wrong with one entry of `reviewers`, or None."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in REVIEWER_KINDS or not name.strip():
        return "use role:name, group:name or user:address"
    if kind == "user" and "@" not in name:
        return "user: needs an e-mail address"
    return None


def _normal(reviewer: str) -> str:
    return reviewer.lower() if reviewer.startswith("user:") else reviewer


def _all_roles(roles: Iterable[str]) -> set[str]:
    return {name for role in roles for name in (role, *_INCLUDED.get(role, ()))}


def _listed(requirement: Requirement) -> str:
    return ", ".join(requirement.reviewers or DEFAULT_REVIEWERS)


def _denied(code: str, detail: str) -> Finding:
    return Finding("quorum", code, detail, Ruling.DENY)
