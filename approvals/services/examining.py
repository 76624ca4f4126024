"""Examining policies: do they compile, do their tests pass, what is suspicious about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from approvals.models import Policy
from approvals.policy.advice import Advice, advice
from approvals.policy.cases import Case, CasesError, Outcome, failed, load_cases, run_cases
from approvals.policy.engine import PolicyError, PolicyRule, load_rules
from approvals.quorum import PersonFacts
from approvals.services.policies import place_of, tool_facts
from approvals.services.quorums import deciders, warnings_of


@dataclass
class Examined:
    """What was found about one policy; `fault` is set where it cannot be used at all."""

    name: str
    fault: dict[str, Any] | None = None
    tests: list[Outcome] = field(default_factory=list)
    warnings: list[Advice] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether it compiles and its tests pass; warnings are only told."""
        return self.fault is None and not failed(self.tests)


def examine(
    name: str,
    rules: list[dict[str, Any]],
    cases: Iterable[Case],
    tools: Iterable[Mapping[str, Any]] = (),
) -> Examined:
    """One policy by itself."""
    try:
        loaded = load_rules(name, rules)
    except PolicyError as error:
        return Examined(name, fault=place_of(error))
    return Examined(name, tests=run_cases(loaded, cases), warnings=advice(loaded, tools))


def examine_stored(policies: Iterable[Policy]) -> list[Examined]:
    """Policies of one environment, in their order.

    Each is also warned about what stands before it, and about quorums that lack people by now.
    """
    found: list[Examined] = []
    before: list[PolicyRule] = []
    tools: list[dict[str, Any]] | None = None
    people: list[PersonFacts] | None = None
    for policy in policies:
        tools = tool_facts(policy.environment) if tools is None else tools
        try:
            own = load_rules(policy.public_id, policy.rules)
            outcomes = run_cases(own, load_cases(policy.tests))
        except PolicyError as error:
            found.append(Examined(policy.name, fault=place_of(error)))
            continue
        except CasesError as error:
            found.append(Examined(policy.name, fault={"field": "tests", "message": str(error)}))
            continue
        names = {rule.name for rule in own}
        counting = [*before, *own] if policy.is_enabled else list(own)
        warned = [one for one in advice(counting, tools) if one.rule in names]
        if policy.is_enabled:
            people = deciders(policy.environment) if people is None else people
            warned += warnings_of(policy.environment, policy.rules, people=people)
        found.append(Examined(policy.name, tests=outcomes, warnings=warned))
        before = counting if policy.is_enabled else before
    return found
