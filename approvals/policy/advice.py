"""What is suspicious about an ordered list of rules, though it compiles (pure)."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.findings import Ruling
from approvals.policy import facts
from approvals.policy.engine import PolicyRule, evaluate
from approvals.policy.references import paths_in
from gateway.lib.cel import CelError, CelRuntimeError

SOME_TOOL = {"name": "a_destructive_tool", "side_effect": "destructive", "risk": "critical"}
_NOON = dt.datetime(2026, 1, 14, 12, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Advice:
    """One warning: about which rule, a stable code, and a sentence."""

    rule: str
    code: str
    detail: str


def advice(rules: Sequence[PolicyRule], tools: Iterable[Mapping[str, Any]] = ()) -> list[Advice]:
    """The warnings for these rules in their order.

    `tools` are the facts of the environment's tools; without any, one destructive tool is imagined.
    """
    return [*_unreachable(rules), *_late_denials(rules), *_destructive(rules, list(tools))]


def always(rule: PolicyRule) -> bool | None:
    """What the condition gives whatever the facts; None where it looks at them."""
    if paths_in(rule.when):
        return None
    try:
        return bool(rule.condition.evaluate({}))
    except (CelError, CelRuntimeError):
        return None


def _unreachable(rules: Sequence[PolicyRule]) -> list[Advice]:
    found: list[Advice] = []
    last = ""
    seen: dict[str, str] = {}
    for rule in rules:
        condition = " ".join(rule.when.split())
        if last:
            found.append(Advice(rule.name, "unreachable", f"“{last}” before it takes everything."))
        elif condition in seen:
            detail = f"“{seen[condition]}” before it has the same condition."
            found.append(Advice(rule.name, "unreachable", detail))
        elif always(rule) is False:
            found.append(Advice(rule.name, "never", "Its condition is never true."))
        elif always(rule) is True:
            last = rule.name
        seen.setdefault(condition, rule.name)
    return found


def _late_denials(rules: Sequence[PolicyRule]) -> list[Advice]:
    found = []
    allowed = ""
    for rule in rules:
        if rule.verdict is Ruling.ALLOW and not allowed:
            allowed = rule.name
        elif rule.verdict is Ruling.DENY and allowed:
            detail = f"What “{allowed}” allows before it is never denied by it."
            found.append(Advice(rule.name, "allow_before_deny", detail))
    return found


def _destructive(rules: Sequence[PolicyRule], tools: list[Mapping[str, Any]]) -> list[Advice]:
    """Destructive tools that run by themselves, certainly or for some arguments."""
    dangerous = [tool for tool in tools if tool.get("side_effect") == "destructive"]
    found: dict[tuple[str, str], Advice] = {}
    for tool in dangerous or ([] if tools else [SOME_TOOL]):
        name = str(tool.get("name"))
        said = evaluate(rules, _facts(tool))
        if said.verdict is Ruling.ALLOW:
            detail = f"It lets {name} run by itself, although that is destructive."
            found[said.rule_name, name] = Advice(said.rule_name, "destructive_allowed", detail)
        for rule in rules:
            if rule.verdict is Ruling.ALLOW and f'"{name}"' in rule.when.replace("'", '"'):
                detail = f"For some arguments it lets {name} run by itself: that is destructive."
                found.setdefault(
                    (rule.name, name), Advice(rule.name, "destructive_allowed", detail)
                )
    return list(found.values())


def _facts(tool: Mapping[str, Any]) -> dict[str, Any]:
    return facts.build(args={}, tool=tool, agent={}, env={}, now=_NOON, time_zone="UTC")
