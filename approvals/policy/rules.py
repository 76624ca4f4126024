"""Policy rules as data: read from JSON with an error per field, hashed as a list (pure)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from approvals.findings import Ruling
from approvals.quorum import (
    DAY_S,
    MAX_EXPIRES_S,
    MAX_HOLD_S,
    MAX_QUORUM,
    reviewer_problem,
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
)
VERDICTS = (Ruling.ALLOW, Ruling.DENY, Ruling.REQUIRE_APPROVAL)
MAX_RULES = 200
MAX_TEXT = 500
_PEOPLE_FIELDS = (
    "reviewers",
    "quorum",
    "expires_in_s",
    "edit_needs_second",
    "exclude_run_starter",
)
_FIELDS = frozenset({"name", "when", "verdict", "hold_s", "reason", *_PEOPLE_FIELDS})


class PolicyError(ValueError):
    """A rule cannot be used: which rule, which field, why, and a caret for expressions."""

    def __init__(self, rule: str, field: str, message: str, fault: CelError | None = None) -> None:
        super().__init__(f"{rule}, {field}: {message}")
        self.rule = rule
        self.field = field
        self.message = message
        self.caret = fault.caret_text if fault else ""
        self.line = fault.line if fault else None
        self.column = fault.column if fault else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule; None leaves `edit_needs_second` and `exclude_run_starter` to the tool's danger."""

    name: str
    when: str
    verdict: Ruling
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    expires_in_s: int = DAY_S
    hold_s: int = 0
    reason: str = ""
    edit_needs_second: bool | None = None
    exclude_run_starter: bool | None = None
    policy_id: str = ""

    @property
    def condition(self) -> Expression:
        """The compiled `when`, from the cache; raises CelError."""
        return compile_expression(self.when, VARIABLES, result="bool")


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
    return digest([{**asdict(rule), "reviewers": list(rule.reviewers)} for rule in rules])


def _rule(policy_id: str, raw: Mapping[str, Any], number: int) -> PolicyRule:
    if not isinstance(raw, Mapping):
        raise PolicyError(f"rule {number}", "rule", "an object is needed")
    read = _Fields(str(raw.get("name") or f"rule {number}"), raw)
    if unknown := sorted(map(str, set(raw) - _FIELDS)):
        raise PolicyError(read.rule, unknown[0], "there is no such field")
    verdict = read.verdict()
    if verdict is not Ruling.REQUIRE_APPROVAL:
        for name in _PEOPLE_FIELDS:
            if raw.get(name) not in (None, [], ()):
                raise PolicyError(read.rule, name, "this has a meaning only for require_approval")
    rule = PolicyRule(
        name=read.text("name", needed=True),
        when=read.text("when", needed=True, limit=None),
        verdict=verdict,
        reviewers=read.reviewers(),
        quorum=read.number("quorum", 1, least=1, most=MAX_QUORUM),
        expires_in_s=read.number("expires_in_s", DAY_S, least=60, most=MAX_EXPIRES_S),
        hold_s=read.number("hold_s", 0, least=0, most=MAX_HOLD_S),
        reason=read.text("reason"),
        edit_needs_second=read.flag("edit_needs_second"),
        exclude_run_starter=read.flag("exclude_run_starter"),
        policy_id=policy_id,
    )
    try:
        _ = rule.condition
    except CelError as error:
        raise PolicyError(rule.name, "when", error.message, error) from error
    return rule


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed reading of one raw rule; an explicit null is the same as a missing field."""

    rule: str
    raw: Mapping[str, Any]

    def text(self, name: str, *, needed: bool = False, limit: int | None = MAX_TEXT) -> str:
        value = self.raw.get(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value.strip()):
            raise PolicyError(self.rule, name, "a text is needed")
        if limit is not None and len(value) > limit:
            raise PolicyError(self.rule, name, f"at most {limit} characters")
        return value.strip()

    def verdict(self) -> Ruling:
        value = self.raw.get("verdict")
        if value not in VERDICTS:
            raise PolicyError(self.rule, "verdict", f"one of {', '.join(VERDICTS)}")
        return Ruling(value)

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        value = self.raw.get(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise PolicyError(self.rule, name, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, bool):
            raise PolicyError(self.rule, name, "true or false")
        return value

    def reviewers(self) -> tuple[str, ...]:
        value = self.raw.get("reviewers")
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise PolicyError(self.rule, "reviewers", "a list of texts is needed")
        for reviewer in value:
            if problem := reviewer_problem(reviewer):
                raise PolicyError(self.rule, "reviewers", f"{reviewer!r}: {problem}")
        return tuple(value)
