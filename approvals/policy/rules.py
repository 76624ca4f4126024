"""Policy rules as data: read from JSON with an error per field, hashed as a list (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from approvals.findings import Ruling
from approvals.policy.fields import Fields, PolicyError
from approvals.requirement import (
    DAY_S,
    MAX_EXPIRES_S,
    MAX_HOLD_S,
    MAX_QUORUM,
    MIN_EXPIRES_S,
    Alternative,
    Requirement,
    Stage,
)
from audit.canonical import digest
from gateway.lib.cel import CelError, Expression, compile_expression

VARIABLES = (
    "args",
    "tool",
    "agent",
    "run",
    "env",
    "time",
    "event",
    "budget",
    "history",
    "affected",
    "sensitive",
)
VERDICTS = (Ruling.ALLOW, Ruling.DENY, Ruling.REQUIRE_APPROVAL)
MAX_RULES = 200
# Who is escalated to without saying when is told when a fifth of the time is left.
ESCALATE_AT = 0.8
_STAGE_FIELDS = ("reviewers", "reviewers_from", "quorum", "alternatives")
_PEOPLE_FIELDS = (
    *_STAGE_FIELDS,
    "stages",
    "rejections",
    "expires_in_s",
    "remind_at",
    "escalate_at",
    "escalate_to",
    "step_up",
    "edit_needs_second",
    "exclude_run_starter",
)
_FIELDS = frozenset({"name", "when", "verdict", "hold_s", "reason", *_PEOPLE_FIELDS})
_NOTHING: tuple[Any, ...] = (None, [], ())


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule; None leaves `edit_needs_second` and `exclude_run_starter` to the tool's danger."""

    name: str
    when: str
    verdict: Ruling
    reviewers: tuple[str, ...] = ()
    reviewers_from: str = ""
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
    reason: str = ""
    edit_needs_second: bool | None = None
    exclude_run_starter: bool | None = None
    policy_id: str = ""

    @property
    def condition(self) -> Expression:
        """The compiled `when`, from the cache; raises CelError."""
        return compile_expression(self.when, VARIABLES, result="bool")

    @property
    def computed_reviewers(self) -> Expression | None:
        """The compiled `reviewers_from`, from the cache; raises CelError."""
        if not self.reviewers_from:
            return None
        return compile_expression(self.reviewers_from, VARIABLES, result="texts")

    def requirement(self, floor: Requirement, *, reason: str) -> Requirement:
        """What the rule asks for, before reviewers are computed; `floor` fills what it leaves."""
        second, starter = self.edit_needs_second, self.exclude_run_starter
        return Requirement(
            reviewers=self.reviewers,
            quorum=self.quorum,
            alternatives=self.alternatives,
            stages=self.stages,
            rejections=self.rejections,
            expires_in_s=self.expires_in_s,
            remind_at=self.remind_at,
            escalate_at=self.escalate_at,
            escalate_to=self.escalate_to,
            hold_s=self.hold_s,
            step_up=self.step_up,
            edit_needs_second=floor.edit_needs_second if second is None else second,
            exclude_run_starter=floor.exclude_run_starter if starter is None else starter,
            reason=reason,
        )


def load_rules(policy_id: str, raw: Sequence[Mapping[str, Any]]) -> tuple[PolicyRule, ...]:
    """The rules of one policy, checked; raises PolicyError for the first that is not usable."""
    if not isinstance(raw, list | tuple):
        raise PolicyError("policy", "rules", "a list of rules is needed")
    if len(raw) > MAX_RULES:
        raise PolicyError("policy", "rules", f"at most {MAX_RULES} rules")
    rules = tuple(_rule(policy_id, entry, number) for number, entry in enumerate(raw, 1))
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise PolicyError(rule.name, "name", "another rule of this policy has the same name")
        seen.add(rule.name)
    return rules


def rules_hash(rules: Iterable[PolicyRule]) -> str:
    """The version of a whole list of rules, in their order: what a trace names."""
    return _hash_of(tuple(rules))


@lru_cache(maxsize=512)
def _hash_of(rules: tuple[PolicyRule, ...]) -> str:
    return digest([asdict(rule) for rule in rules])


def _rule(policy_id: str, raw: Mapping[str, Any], number: int) -> PolicyRule:
    if not isinstance(raw, Mapping):
        raise PolicyError(f"rule {number}", "rule", "an object is needed")
    read = Fields(str(raw.get("name") or f"rule {number}"), raw)
    read.only(_FIELDS)
    verdict = read.verdict(VERDICTS)
    _check_together(read, verdict)
    first, others = read.ways()
    escalate_to = read.reviewers("escalate_to")
    rule = PolicyRule(
        name=read.text("name", needed=True),
        when=read.text("when", needed=True, limit=None),
        verdict=verdict,
        reviewers=first.reviewers,
        reviewers_from=read.text("reviewers_from", limit=None),
        quorum=first.quorum,
        alternatives=others,
        stages=read.stages(),
        rejections=read.number("rejections", 1, least=1, most=MAX_QUORUM),
        expires_in_s=read.number("expires_in_s", DAY_S, least=MIN_EXPIRES_S, most=MAX_EXPIRES_S),
        remind_at=read.fraction("remind_at"),
        escalate_at=read.fraction("escalate_at") or (ESCALATE_AT if escalate_to else 0.0),
        escalate_to=escalate_to,
        hold_s=read.number("hold_s", 0, least=0, most=MAX_HOLD_S),
        step_up=read.flag("step_up") or False,
        reason=read.text("reason"),
        edit_needs_second=read.flag("edit_needs_second"),
        exclude_run_starter=read.flag("exclude_run_starter"),
        policy_id=policy_id,
    )
    _compile(rule)
    return rule


def _check_together(read: Fields, verdict: Ruling) -> None:
    """Fields that say nothing, or two things, beside the others; raises PolicyError."""
    if verdict is not Ruling.REQUIRE_APPROVAL:
        for name in _PEOPLE_FIELDS:
            if read.raw.get(name) not in _NOTHING:
                only = "it counts only where the verdict is require_approval: leave it empty here"
                raise read.error(name, only)
    if read.raw.get("stages") not in _NOTHING:
        for name in _STAGE_FIELDS:
            if read.raw.get(name) not in _NOTHING:
                raise read.error(name, "where there are stages, each of them says who agrees")
    has_time = read.raw.get("escalate_at") is not None
    if has_time and read.raw.get("escalate_to") in _NOTHING:
        raise read.error("escalate_to", "say to whom it is escalated")


def _compile(rule: PolicyRule) -> None:
    for name in ("condition", "computed_reviewers"):
        try:
            getattr(rule, name)
        except CelError as error:
            field = "when" if name == "condition" else "reviewers_from"
            raise PolicyError(rule.name, field, error.message, error) from error
