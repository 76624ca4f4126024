"""What a rule asks for, in words for people who read policies (pure)."""

from collections.abc import Mapping
from typing import Any

from approvals.findings import Ruling
from approvals.policy.fields import PolicyError
from approvals.policy.rules import PolicyRule, load_rules
from approvals.requirement import DAY_S

_UNITS = ((DAY_S, "d"), (3600, "h"), (60, "min"))


def asks(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """What a stored rule asks for, one thing a line; a rule that cannot be read says so."""
    try:
        (rule,) = load_rules("", [raw])
    except PolicyError as error:
        return (f"This rule cannot be read: {error.message} ({error.field})",)
    if rule.verdict is not Ruling.REQUIRE_APPROVAL:
        return _hold(rule)
    return (*_people(rule), *_care(rule), *_time(rule), *_hold(rule))


def duration(seconds: int) -> str:
    """“90 s”, “2 h”, “3 d”: the largest unit that divides it."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _people(rule: PolicyRule) -> tuple[str, ...]:
    if rule.stages:
        staged = enumerate(rule.stages, 1)
        return tuple(f"stage {number}, {stage.name}: {stage.words}" for number, stage in staged)
    ways = [f"{rule.quorum} of {', '.join(rule.reviewers) or 'any reviewer'}"]
    if rule.reviewers_from:
        fallback = ", ".join(rule.reviewers) or "role:admin"
        ways = [f"{rule.quorum} of {rule.reviewers_from} (where that fails {fallback})"]
    return (" or ".join([*ways, *(way.words for way in rule.alternatives)]),)


def _care(rule: PolicyRule) -> tuple[str, ...]:
    found = []
    if rule.rejections > 1:
        found.append(f"ends with {rule.rejections} rejections")
    if rule.step_up:
        found.append("reviewers confirm who they are")
    if rule.edit_needs_second:
        found.append("whoever edits leaves the decision to others")
    if rule.exclude_run_starter:
        found.append("not whoever started the run")
    return tuple(found)


def _time(rule: PolicyRule) -> tuple[str, ...]:
    found = [f"expires in {duration(rule.expires_in_s)}"] if rule.expires_in_s != DAY_S else []
    if rule.remind_at:
        found.append(f"reminder after {rule.remind_at:.0%} of the time")
    if rule.escalate_to:
        whom = ", ".join(rule.escalate_to)
        found.append(f"escalates after {rule.escalate_at:.0%} of the time to {whom}")
    return tuple(found)


def _hold(rule: PolicyRule) -> tuple[str, ...]:
    return (f"hold {duration(rule.hold_s)}",) if rule.hold_s else ()
