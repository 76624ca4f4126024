"""The first rule that matches decides; one that errs never allows; the trace tells all of it."""

import pytest

from approvals.findings import Ruling
from approvals.policy.engine import PolicyError, evaluate, load_rules, rules_hash
from approvals.requirement import DAY_S, Requirement

WRITE = {"name": "send_email", "side_effect": "write", "risk": "medium"}
FACTS = {
    "tool": WRITE,
    "args": {"amount": 120, "to": "a@b.example"},
    "env": {"kind": "sandbox"},
}


def rule(verdict="allow", when="true", **fields):
    return {
        "name": fields.pop("name", verdict),
        "when": when,
        "verdict": verdict,
        **fields,
    }


def rules(*raw):
    return load_rules("pol_1", list(raw))


def outcomes(evaluation):
    return [line.outcome for line in evaluation.trace]


def test_first_matching_rule_decides_and_later_ones_are_not_reached():
    evaluation = evaluate(
        rules(
            rule("deny", "args.amount > 1000"),
            rule("allow", "args.amount < 500"),
            rule("require_approval"),
        ),
        FACTS,
    )
    assert (evaluation.verdict, evaluation.rule_name) == (Ruling.ALLOW, "allow")
    assert outcomes(evaluation) == ["not_matched", "matched", "not_reached"]
    assert {line.policy_id for line in evaluation.trace} == {"pol_1"}


@pytest.mark.parametrize(
    ("verdict", "decides", "by"),
    [
        ("allow", Ruling.REQUIRE_APPROVAL, "default"),
        ("deny", Ruling.DENY, "deny"),
        ("require_approval", Ruling.REQUIRE_APPROVAL, "require_approval"),
    ],
)
@pytest.mark.parametrize("when", ["args.missing == 1", "args.amount / 0 > 1", "args.to"])
def test_rule_that_errs_never_allows(verdict, decides, by, when):
    evaluation = evaluate(rules(rule(verdict, when)), FACTS)
    assert (evaluation.verdict, evaluation.rule_name) == (decides, by)
    assert evaluation.trace[0].outcome == "error"
    assert evaluation.trace[0].detail


def test_facts_that_cel_would_misread_never_allow():
    facts = {**FACTS, "args": {"to": "\0hidden"}}
    allowing = rules(rule("allow", "args.to == ''"))
    assert evaluate(allowing, facts).verdict is Ruling.REQUIRE_APPROVAL


def test_erring_allow_is_passed_over_for_the_next_rule():
    evaluation = evaluate(rules(rule("allow", "args.nope"), rule("deny")), FACTS)
    assert evaluation.verdict is Ruling.DENY
    assert outcomes(evaluation) == ["error", "matched"]


@pytest.mark.parametrize(
    ("tool", "verdict", "requirement"),
    [
        ({"side_effect": "read", "risk": "low"}, Ruling.ALLOW, None),
        (
            {"side_effect": "write", "risk": "low"},
            Ruling.REQUIRE_APPROVAL,
            (1, False, False),
        ),
        (
            {"side_effect": "write", "risk": "high"},
            Ruling.REQUIRE_APPROVAL,
            (1, True, False),
        ),
        (
            {"side_effect": "destructive", "risk": "low"},
            Ruling.REQUIRE_APPROVAL,
            (2, True, True),
        ),
        ({"side_effect": "odd"}, Ruling.REQUIRE_APPROVAL, (2, True, True)),
        ({}, Ruling.REQUIRE_APPROVAL, (2, True, True)),
    ],
)
def test_without_a_match_the_side_effect_decides(tool, verdict, requirement):
    evaluation = evaluate((), {"tool": tool})
    assert evaluation.verdict is verdict
    assert evaluation.trace[-1].rule == "default"
    asked = evaluation.requirement
    found = asked and (asked.quorum, asked.edit_needs_second, asked.exclude_run_starter)
    assert found == requirement
    if asked:
        assert (asked.reviewers, asked.expires_in_s, asked.hold_s) == (
            ("role:reviewer",),
            DAY_S,
            0,
        )


def test_requirement_comes_from_the_rule():
    evaluation = evaluate(
        rules(
            rule(
                "require_approval",
                reviewers=["group:finance"],
                quorum=2,
                expires_in_s=3600,
                hold_s=10,
                reason="Money leaves",
                edit_needs_second=False,
                exclude_run_starter=True,
            )
        ),
        FACTS,
    )
    assert evaluation.requirement == Requirement(
        reviewers=("group:finance",),
        quorum=2,
        expires_in_s=3600,
        hold_s=10,
        reason="Money leaves",
        edit_needs_second=False,
        exclude_run_starter=True,
    )
    assert evaluation.reason == "Money leaves"


@pytest.mark.parametrize(
    ("tool", "second", "starter"),
    [
        ({"side_effect": "write", "risk": "medium"}, False, False),
        ({"side_effect": "write", "risk": "critical"}, True, False),
        ({"side_effect": "destructive", "risk": "low"}, True, True),
    ],
)
def test_precautions_a_rule_leaves_open_follow_the_danger_of_the_tool(tool, second, starter):
    asked = evaluate(rules(rule("require_approval")), {"tool": tool}).requirement
    assert (asked.edit_needs_second, asked.exclude_run_starter) == (second, starter)


def test_allowing_rule_may_hold_the_action_back():
    evaluation = evaluate(rules(rule("allow", hold_s=5)), FACTS)
    assert (evaluation.requirement, evaluation.hold_s) == (None, 5)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (rule(when="typo == 1"), "when"),
        (rule(when="1 + 1"), "when"),
        (rule(when=""), "when"),
        (rule("maybe"), "verdict"),
        (rule(name=""), "name"),
        (rule(surprise=1), "surprise"),
        (rule("require_approval", quorum=0), "quorum"),
        (rule("require_approval", quorum=True), "quorum"),
        (rule("require_approval", expires_in_s=-1), "expires_in_s"),
        (rule("require_approval", hold_s=1.5), "hold_s"),
        (rule("require_approval", reviewers="role:reviewer"), "reviewers"),
        (rule("require_approval", reviewers=["finance"]), "reviewers"),
        (rule("require_approval", reviewers=["user:ana"]), "reviewers"),
        (rule("require_approval", edit_needs_second="yes"), "edit_needs_second"),
        (rule("allow", quorum=2), "quorum"),
        (rule("deny", reviewers=["role:reviewer"]), "reviewers"),
        ("no object", "rule"),
    ],
    ids=str,
)
def test_unusable_rule_is_refused_by_field(raw, field):
    with pytest.raises(PolicyError) as refusal:
        rules(raw)
    assert refusal.value.field == field


def test_broken_expression_comes_with_a_caret():
    with pytest.raises(PolicyError) as refusal:
        rules(rule(when="args.a == 1 && typo"))
    assert refusal.value.caret == "args.a == 1 && typo\n               ^"


def test_two_rules_of_one_name_are_refused():
    with pytest.raises(PolicyError, match="same name"):
        rules(rule(), rule("deny", name="allow"))


def test_version_of_the_list_changes_with_content_and_order():
    first, second = rules(rule("deny"), rule("allow"))
    assert rules_hash((first, second)) == rules_hash(rules(rule("deny"), rule("allow")))
    assert rules_hash((first, second)) != rules_hash((second, first))
    assert rules_hash((first,)) != rules_hash(rules(rule("deny", reason="why")))
