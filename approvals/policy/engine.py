"""Ordered rules over frozen facts: the first that matches decides, and the trace tells why (pure).

A rule that errors never allows: an erroring `allow` is passed over, an erroring `deny` denies, an
erroring `require_approval` requires. Without a match the tool's side effect decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from approvals.findings import Ruling
from approvals.policy.fields import PolicyError
from approvals.policy.reviewers import Computed, computed_by
from approvals.policy.rules import VARIABLES, PolicyRule, load_rules, rules_hash
from approvals.requirement import DEFAULT_REVIEWERS, Requirement
from gateway.lib.cel import CelError, CelRuntimeError, Facts, prepare

__all__ = [
    "VARIABLES",
    "Evaluation",
    "PolicyError",
    "PolicyRule",
    "TraceLine",
    "evaluate",
    "load_rules",
    "rules_hash",
]

Outcome = Literal["matched", "not_matched", "error", "not_reached"]
DEFAULT_RULE = "default"
_CAREFUL_RISKS = ("high", "critical")


@dataclass(frozen=True, slots=True)
class TraceLine:
    """What one rule did in one evaluation; `policy_id` is empty for the built-in default."""

    rule: str
    policy_id: str
    outcome: Outcome
    verdict: Ruling
    detail: str

    def as_dict(self) -> dict[str, str]:
        """A plain JSON object for storing with the action."""
        return {key: str(value) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What policy says about one action.

    `requirement` is set where the verdict is require_approval; `floor` is the requirement to use
    where policy allows but another check still asks for a person; `hold_s` is how long an
    allowed action rests before it runs.
    """

    verdict: Ruling
    requirement: Requirement | None
    trace: tuple[TraceLine, ...]
    rule_name: str
    reason: str
    floor: Requirement
    hold_s: int = 0


def evaluate(rules: Iterable[PolicyRule], facts: Mapping[str, Any]) -> Evaluation:
    """The verdict of the first rule that matches these facts, else of the default."""
    ordered = list(rules)
    checked = _checked(facts)
    trace: list[TraceLine] = []
    for position, rule in enumerate(ordered):
        line = _line(rule, checked)
        trace.append(line)
        erred = line.outcome == "error" and rule.verdict is not Ruling.ALLOW
        if line.outcome == "matched" or erred:
            later = tuple(_unreached(rule) for rule in ordered[position + 1 :])
            computed = computed_by(rule, checked)
            trace[-1] = replace(line, detail=_joined(line.detail, computed.told))
            told = tuple(trace) + later
            return _decided(
                rule, facts, trace=told, computed=computed, erred=line.detail if erred else ""
            )
    return _default(facts, tuple(trace))


def _checked(facts: Mapping[str, Any]) -> Facts | CelRuntimeError:
    try:
        return prepare({name: facts.get(name, {}) for name in VARIABLES})
    except CelRuntimeError as error:
        return error


def _line(rule: PolicyRule, facts: Facts | CelRuntimeError) -> TraceLine:
    try:
        if isinstance(facts, CelRuntimeError):
            raise facts
        matched = rule.condition.evaluate(facts)
    except (CelError, CelRuntimeError) as error:
        return TraceLine(rule.name, rule.policy_id, "error", rule.verdict, str(error))
    outcome: Outcome = "matched" if matched else "not_matched"
    return TraceLine(rule.name, rule.policy_id, outcome, rule.verdict, rule.reason)


def _unreached(rule: PolicyRule) -> TraceLine:
    return TraceLine(rule.name, rule.policy_id, "not_reached", rule.verdict, "")


def _decided(
    rule: PolicyRule,
    facts: Mapping[str, Any],
    *,
    trace: tuple[TraceLine, ...],
    computed: Computed,
    erred: str,
) -> Evaluation:
    reason = rule.reason or f"Rule “{rule.name}”"
    if erred:
        reason = f"{reason} (the rule could not be evaluated: {erred})"
    floor = _floor(facts)
    asked = None
    if rule.verdict is Ruling.REQUIRE_APPROVAL:
        asked = replace(rule.requirement(floor, reason=reason), reviewers=computed.reviewers)
    return Evaluation(
        verdict=rule.verdict,
        requirement=asked,
        trace=trace,
        rule_name=rule.name,
        reason=reason,
        floor=floor,
        hold_s=0 if rule.verdict is Ruling.DENY else rule.hold_s,
    )


def _joined(*details: str) -> str:
    return "; ".join(filter(None, details))


def _default(facts: Mapping[str, Any], trace: tuple[TraceLine, ...]) -> Evaluation:
    effect = _side_effect(facts)
    floor = _floor(facts)
    if effect == "read":
        verdict, requirement, reason = (
            Ruling.ALLOW,
            None,
            "Reading is allowed by default",
        )
    else:
        quorum = 1 if effect == "write" else 2
        people = "one reviewer" if quorum == 1 else "two reviewers"
        verdict, reason = (
            Ruling.REQUIRE_APPROVAL,
            f"By default a {effect} tool needs {people}",
        )
        requirement = Requirement(
            reviewers=DEFAULT_REVIEWERS,
            quorum=quorum,
            edit_needs_second=floor.edit_needs_second,
            exclude_run_starter=floor.exclude_run_starter,
            reason=reason,
        )
    line = TraceLine(DEFAULT_RULE, "", "matched", verdict, reason)
    return Evaluation(
        verdict=verdict,
        requirement=requirement,
        trace=(*trace, line),
        rule_name=DEFAULT_RULE,
        reason=reason,
        floor=floor,
    )


def _floor(facts: Mapping[str, Any]) -> Requirement:
    """One reviewer, with the two precautions that the tool's danger asks for by default."""
    destructive = _side_effect(facts) == "destructive"
    careful = destructive or _tool(facts).get("risk", "critical") in _CAREFUL_RISKS
    return Requirement(
        reviewers=DEFAULT_REVIEWERS,
        edit_needs_second=careful,
        exclude_run_starter=destructive,
    )


def _side_effect(facts: Mapping[str, Any]) -> str:
    """The tool's side effect; one that is missing or unknown counts as the most dangerous."""
    effect = _tool(facts).get("side_effect")
    return effect if effect in ("read", "write") else "destructive"


def _tool(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = facts.get("tool")
    return tool if isinstance(tool, Mapping) else {}
