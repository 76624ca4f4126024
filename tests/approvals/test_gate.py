"""One verdict from all that was said: the strictest wins, and a finding never loosens policy."""

import pytest

from approvals.gate import Finding, Ruling, decide
from approvals.policy.engine import evaluate, load_rules

READ = {"tool": {"name": "look", "side_effect": "read", "risk": "low"}}
WRITE = {"tool": {"name": "send", "side_effect": "write", "risk": "low"}}
DESTROY = {"tool": {"name": "drop", "side_effect": "destructive", "risk": "low"}}


def finding(verdict):
    return Finding("scope", f"code_{verdict}", f"because {verdict}", Ruling(verdict))


def policy(facts, *rules):
    return evaluate(load_rules("pol_1", list(rules)), facts)


DENYING = {"name": "no", "when": "true", "verdict": "deny", "reason": "Never"}


@pytest.mark.parametrize(
    ("findings", "evaluation", "status", "code"),
    [
        ([], policy(READ), "approved", "policy_allow"),
        ([], policy(WRITE), "pending", "policy_require_approval"),
        ([], policy(READ, DENYING), "denied", "policy_deny"),
        (["allow"], policy(WRITE), "pending", "policy_require_approval"),
        (["allow"], policy(READ, DENYING), "denied", "policy_deny"),
        (["require_approval"], policy(READ), "pending", "code_require_approval"),
        (["require_approval"], policy(READ, DENYING), "denied", "policy_deny"),
        (["require_approval"], policy(WRITE), "pending", "policy_require_approval"),
        (["deny"], policy(READ), "denied", "code_deny"),
        (["require_approval", "deny"], policy(READ), "denied", "code_deny"),
        (["deny", "invalid"], policy(READ), "invalid", "code_invalid"),
        (["invalid"], None, "invalid", "code_invalid"),
        (["deny"], None, "denied", "code_deny"),
    ],
)
def test_the_strictest_of_all_that_was_said_wins(findings, evaluation, status, code):
    verdict = decide([finding(f) for f in findings], evaluation)
    assert (verdict.status, verdict.code) == (status, code)
    assert (verdict.requirement is not None) == (status == "pending")
    assert verdict.reason
    assert verdict.reasons[0].code == code


@pytest.mark.parametrize("findings", [[], ["allow"], ["require_approval"]])
def test_without_an_evaluation_nothing_is_approved(findings):
    with pytest.raises(ValueError, match="evaluation"):
        decide([finding(f) for f in findings], None)


def test_finding_asks_for_one_reviewer_where_policy_allows():
    allow = {"name": "yes", "when": "true", "verdict": "allow", "hold_s": 7}
    verdict = decide([finding("require_approval")], policy(DESTROY, allow))
    asked = verdict.requirement
    assert (asked.quorum, asked.reviewers, asked.hold_s) == (1, ("role:reviewer",), 7)
    assert (asked.exclude_run_starter, asked.edit_needs_second) == (True, True)
    assert asked.reason == "because require_approval"


def test_finding_leaves_a_stricter_requirement_of_policy_alone():
    verdict = decide([finding("require_approval")], policy(DESTROY))
    assert verdict.requirement.quorum == 2
    assert "because require_approval" in verdict.requirement.reason


def test_allowed_action_keeps_the_hold_of_its_rule():
    allow = {"name": "yes", "when": "true", "verdict": "allow", "hold_s": 7}
    assert decide([], policy(WRITE, allow)).hold_s == 7
