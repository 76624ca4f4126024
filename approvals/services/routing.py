"""Who is asked where a rule wants a person and names nobody: the tool's own reviewers."""

from dataclasses import replace

from approvals.policy.engine import DEFAULT_RULE, Evaluation
from approvals.requirement import Requirement
from gateway.tools.models import ToolVersion


def routed(
    requirement: Requirement | None, evaluation: Evaluation, *, version: ToolVersion | None
) -> Requirement | None:
    """The requirement, led to the tool's reviewers unless a rule named somebody itself."""
    if requirement is None or version is None or not version.reviewers:
        return requirement
    asked = evaluation.requirement
    if asked is not None and evaluation.rule_name != DEFAULT_RULE and _names(asked):
        return requirement
    return replace(requirement, reviewers=tuple(version.reviewers))


def _names(asked: Requirement) -> bool:
    return bool(asked.reviewers or asked.alternatives or asked.stages)
