"""Reviewers that a rule computes from the facts: all of them are names, or none counts (pure)."""

from dataclasses import dataclass

from approvals.policy.rules import PolicyRule
from approvals.requirement import MAX_REVIEWERS, reviewer_problem
from gateway.lib.cel import CelError, CelRuntimeError, Facts

# Who decides where a rule computes nobody and names nobody itself.
ADMINS = ("role:admin",)


@dataclass(frozen=True, slots=True)
class Computed:
    """Who reviews, and what the trace tells about how they were found."""

    reviewers: tuple[str, ...]
    told: str = ""


def computed_by(rule: PolicyRule, facts: Facts | CelRuntimeError) -> Computed:
    """The reviewers of a rule for these facts.

    An expression that fails, names nobody or gives something that is no name leaves the rule's own
    reviewers, else the admins alone: never whoever happens to be a reviewer.
    """
    if not rule.reviewers_from:
        return Computed(rule.reviewers)
    try:
        found = _evaluated(rule, facts)
    except (CelError, CelRuntimeError) as error:
        fallback = rule.reviewers or ADMINS
        return Computed(
            fallback, f"reviewers_from failed ({error}), so {', '.join(fallback)} decide"
        )
    return Computed(found, f"reviewers_from gave {', '.join(found)}")


def _evaluated(rule: PolicyRule, facts: Facts | CelRuntimeError) -> tuple[str, ...]:
    expression = rule.computed_reviewers
    if isinstance(facts, CelRuntimeError) or expression is None:
        raise facts if isinstance(facts, CelRuntimeError) else CelRuntimeError("it is empty")
    value = expression.evaluate(facts)
    names = sorted(set(map(str, value))) if isinstance(value, list) else []
    if not names:
        raise CelRuntimeError("it names nobody")
    if len(names) > MAX_REVIEWERS:
        raise CelRuntimeError(f"it names more than {MAX_REVIEWERS}")
    for name in names:
        if problem := reviewer_problem(name):
            raise CelRuntimeError(f"{name!r}: {problem}")
    return tuple(names)
