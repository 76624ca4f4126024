"""Whether a rule asks for people there are: refused at save where nobody could ever agree."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from approvals import reachable
from approvals.findings import Ruling
from approvals.policy.advice import Advice
from approvals.policy.engine import PolicyError, PolicyRule, load_rules
from approvals.quorum import PersonFacts, is_routed_to, standing
from approvals.requirement import Requirement
from approvals.services import reading
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment

FLOOR = Requirement()
# With so many deciders a rule is not asked about each of them.
MANY = 60
NO_SUBSTITUTE = (
    "It needs somebody who has no substitute: where that member asked for the action, or owns the "
    "agent, nobody can decide it."
)


def require_people(environment: Environment, rules: list[dict[str, Any]]) -> None:
    """Raises Refused, saying what is missing, for a rule whose quorum the members cannot meet."""
    asking = _asking(rules)
    people = deciders(environment) if asking else []
    for rule in asking:
        try:
            _check(rule, people)
        except PolicyError as error:
            place = {"rule": error.rule, "field": error.field, "message": error.message}
            raise Refused("quorum_unreachable", str(error), **place) from error


def warnings_of(
    environment: Environment,
    rules: list[dict[str, Any]],
    *,
    people: list[PersonFacts] | None = None,
) -> list[Advice]:
    """Which rules are likely to leave an action without anybody to decide it.

    Who asked for an action, or answers for its agent, never decides it. Where a quorum needs
    everybody there is, such an action waits until it expires. `people` are those of `deciders`,
    where the caller asks about several policies.
    """
    asking = _asking(rules)
    if asking and people is None:
        people = deciders(environment)
    return [found for rule in asking if (found := _warning(rule, people or []))]


def _asking(rules: list[dict[str, Any]]) -> list[PolicyRule]:
    return [rule for rule in load_rules("", rules) if rule.verdict is Ruling.REQUIRE_APPROVAL]


def deciders(environment: Environment) -> list[PersonFacts]:
    """Everybody whose roles let them decide here."""
    members = reading.deciders_of(environment)
    return [reading.person_facts(member, environment) for member in members]


def _check(rule: PolicyRule, people: list[PersonFacts]) -> None:
    asked = _asked(rule, people)
    if short := _missing(asked, people):
        field = "stages" if rule.stages else "alternatives" if rule.alternatives else "quorum"
        raise PolicyError(rule.name, field, f"nobody could ever meet this. {short}")
    named = sum(is_routed_to(asked, person) for person in people)
    if rule.rejections > named:
        raise PolicyError(
            rule.name,
            "rejections",
            f"{rule.rejections} members would have to refuse, and {named} can decide",
        )


def _warning(rule: PolicyRule, people: list[PersonFacts]) -> Advice | None:
    asked = _asked(rule, people)
    if short := _missing(asked, people):
        return Advice(rule.name, "quorum_unreachable", f"Nobody can meet this now. {short}")
    named = [person for person in people if is_routed_to(asked, person)]
    if len(named) > MANY:
        return None
    for person in named:
        if _missing(asked, [other for other in named if other is not person]):
            return Advice(rule.name, "no_substitute", NO_SUBSTITUTE)
    return None


def _asked(rule: PolicyRule, people: Iterable[PersonFacts]) -> Requirement:
    """What the rule asks for; computed reviewers are only known then, so anybody may be one."""
    asked = rule.requirement(FLOOR, reason="")
    if not rule.reviewers_from:
        return asked
    anybody = sorted({f"role:{role}" for person in people for role in person.roles})
    return replace(asked, reviewers=tuple(anybody))


def _missing(asked: Requirement, people: list[PersonFacts]) -> str:
    return reachable.missing(standing(asked, ()), people)
