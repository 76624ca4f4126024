"""What a rule may say: alternatives, stages, computed reviewers; an error names the field."""

import json
import time

import pytest

from approvals.findings import Ruling
from approvals.policy.engine import PolicyError, evaluate, load_rules
from approvals.policy.rules import PolicyRule
from approvals.policy.words import asks
from approvals.requirement import Alternative, Requirement, Stage

FACTS = {
    "tool": {"name": "refund", "side_effect": "write", "risk": "low"},
    "args": {"amount": 120, "team": "finance", "names": ["user:a@b.example"], "n": 3},
}
TWO_OR_ADMIN = {
    "reviewers": ["group:finance"],
    "quorum": 2,
    "alternatives": [{"reviewers": ["role:admin"]}],
}
STAGES = [
    {"name": "money", **TWO_OR_ADMIN},
    {"name": "law", "reviewers": ["group:legal"]},
]


def rule(**fields):
    return {"name": "r", "when": "true", "verdict": "require_approval", **fields}


def asked(**fields):
    return evaluate(load_rules("pol_1", [rule(**fields)]), FACTS).requirement


def trace_of(**fields):
    (line,) = evaluate(load_rules("pol_1", [rule(**fields)]), FACTS).trace
    return line


def test_alternatives_and_stages_become_the_requirement():
    either = asked(**TWO_OR_ADMIN)
    assert (either.reviewers, either.quorum) == (("group:finance",), 2)
    assert either.alternatives == (Alternative(("role:admin",), 1),)
    staged = asked(stages=STAGES)
    assert staged.steps == (
        Stage("money", ("group:finance",), 2, either.alternatives),
        Stage("law", ("group:legal",), 1),
    )


def test_the_first_of_only_alternatives_is_the_first_way():
    ways = [{"reviewers": ["group:finance"], "quorum": 2}, {"reviewers": ["role:admin"]}]
    assert asked(alternatives=ways) == asked(**TWO_OR_ADMIN)
    # Without it, one reviewer of any kind would have been enough beside them.
    assert asked(alternatives=ways[:1]).steps[0].choices == (Alternative(("group:finance",), 2),)


def test_every_field_reaches_the_requirement_and_survives_its_storage():
    fields = {
        **TWO_OR_ADMIN, "rejections": 2, "expires_in_s": 600, "remind_at": 0.5,
        "escalate_at": 0.75, "escalate_to": ["user:boss@a.example"], "hold_s": 5, "step_up": True,
        "edit_needs_second": True, "exclude_run_starter": True, "reason": "Money.",
    }  # fmt: skip
    found = asked(**fields)
    for name in set(fields) - {"reviewers", "alternatives", "escalate_to"}:
        assert getattr(found, name) == fields[name], name
    assert Requirement.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_escalating_to_somebody_without_saying_when_is_late_but_in_time():
    assert asked(escalate_to=["role:admin"]).escalate_at == 0.8
    assert asked().escalate_at == 0.0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"alternatives": "two"}, "alternatives"),
        ({"alternatives": ["two"]}, "alternatives[0]"),
        ({"alternatives": [{"quorum": 0}]}, "alternatives[0].quorum"),
        ({"alternatives": [{}, {"reviewers": ["x"]}]}, "alternatives[1].reviewers"),
        ({"alternatives": [{"alternatives": []}]}, "alternatives[0].alternatives"),
        ({"quorum": 1, "alternatives": [{}] * 5}, "alternatives"),
        ({"stages": {"name": "a"}}, "stages"),
        ({"stages": [{}]}, "stages[0].name"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "stages[1].name"),
        ({"stages": [{"name": "a", "hold_s": 1}]}, "stages[0].hold_s"),
        ({"stages": [{"name": "a", "quorum": 21}]}, "stages[0].quorum"),
        (
            {"stages": [{"name": "a", "alternatives": [{}, {"quorum": "2"}]}]},
            "stages[0].alternatives[1].quorum",
        ),
        ({"stages": [{"name": str(n)} for n in range(6)]}, "stages"),
        ({"stages": STAGES, "quorum": 2}, "quorum"),
        ({"stages": STAGES, "alternatives": [{}]}, "alternatives"),
        ({"stages": STAGES, "reviewers_from": "['role:admin']"}, "reviewers_from"),
        ({"rejections": 0}, "rejections"),
        ({"rejections": 21}, "rejections"),
        ({"remind_at": 0}, "remind_at"),
        ({"remind_at": 1}, "remind_at"),
        ({"remind_at": True}, "remind_at"),
        ({"remind_at": float("nan")}, "remind_at"),
        ({"escalate_at": 0.5}, "escalate_to"),
        ({"escalate_to": ["boss"]}, "escalate_to"),
        ({"step_up": "yes"}, "step_up"),
        ({"expires_in_s": 59}, "expires_in_s"),
        ({"expires_in_s": 90 * 86_400 + 1}, "expires_in_s"),
        ({"expires_in_s": float("inf")}, "expires_in_s"),
        ({"reviewers": ["role:admin"] * 51}, "reviewers"),
        ({"reviewers_from": "args."}, "reviewers_from"),
        ({"reviewers_from": "'role:admin'"}, "reviewers_from"),
        ({"reviewers_from": "[1]"}, "reviewers_from"),
        ({"verdict": "allow", "stages": STAGES}, "stages"),
        ({"verdict": "allow", "step_up": True}, "step_up"),
        ({"verdict": "deny", "alternatives": [{}]}, "alternatives"),
        ({"verdict": ["allow"]}, "verdict"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_by_field(fields, field):
    with pytest.raises(PolicyError) as refusal:
        load_rules("pol_1", [rule(**fields)])
    assert refusal.value.field == field


def test_a_broken_computation_of_reviewers_comes_with_a_caret():
    with pytest.raises(PolicyError) as refusal:
        load_rules("pol_1", [rule(reviewers_from="[args.a] + typo")])
    assert refusal.value.caret == "[args.a] + typo\n           ^"


@pytest.mark.parametrize(
    "expression",
    ["['group:' + args.team]", "args.amount > 100 ? ['group:finance'] : []"],
)
def test_reviewers_are_computed_from_the_facts(expression):
    assert asked(reviewers_from=expression).reviewers == ("group:finance",)
    assert "reviewers_from gave group:finance" in trace_of(reviewers_from=expression).detail


def test_computed_reviewers_are_the_first_of_the_alternatives():
    found = asked(
        reviewers_from="['group:' + args.team]", alternatives=[{"reviewers": ["role:admin"]}]
    )
    assert found.words == "1 of group:finance or 1 of role:admin"


@pytest.mark.parametrize(
    "expression",
    [
        "[]",
        "args.missing",
        "args.amount",
        "args.n > 1 ? args.n : []",
        "['finance']",
        "['group:finance', 'user:nobody']",
        "args.names + [args.amount]",
        "[args.team]",
        "['role:']",
        # Nobody is a reviewer by accident of a list that is too long either.
        str([f"group:g{n}" for n in range(51)]),
    ],
)
@pytest.mark.parametrize(
    ("own", "decide"), [([], ("role:admin",)), (["group:legal"], ("group:legal",))]
)
def test_reviewers_that_cannot_be_computed_leave_the_rules_own_or_admins(expression, own, decide):
    fields = {"reviewers_from": expression, "reviewers": own}
    assert asked(**fields).reviewers == decide
    assert "reviewers_from failed" in trace_of(**fields).detail
    assert f"so {', '.join(decide)} decide" in trace_of(**fields).detail


def test_a_rule_that_errs_and_computes_reviewers_asks_admins():
    found = evaluate(
        load_rules("p", [rule(when="args.nope", reviewers_from="args.nope")]),
        FACTS,
    )
    assert found.requirement.reviewers == ("role:admin",)
    assert "could not be evaluated" in found.reason
    hostile = {**FACTS, "args": {"team": "finance\0"}}
    found = evaluate(load_rules("p", [rule(reviewers_from="['group:' + args.team]")]), hostile)
    assert found.requirement.reviewers == ("role:admin",)


LOOPS = {
    "loops": "args.list.all(a, args.list.all(b, args.list.all(c, a + b + c < 999)))",
    "throws": "1 / (args.amount - 120) > 0",
    "is no boolean": "args.amount",
}


@pytest.mark.parametrize("when", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize(
    ("verdict", "becomes", "by"),
    [
        ("allow", Ruling.REQUIRE_APPROVAL, "default"),
        ("deny", Ruling.DENY, "r"),
        ("require_approval", Ruling.REQUIRE_APPROVAL, "r"),
    ],
)
def test_a_rule_that_cannot_answer_never_allows_and_says_so(when, verdict, becomes, by):
    facts = {**FACTS, "args": {**FACTS["args"], "list": list(range(100))}}
    begun = time.monotonic()
    said = evaluate(load_rules("p", [rule(when=when, verdict=verdict)]), facts)
    assert time.monotonic() - begun < 2
    assert said.trace[0].outcome == "error", said.trace
    assert said.trace[0].detail
    assert (said.verdict, said.rule_name) == (becomes, by)


@pytest.mark.parametrize(
    "when",
    [
        " || ".join(["args.amount == 1"] * 1000),
        "(" * 3000 + "true" + ")" * 900,
        "[" * 2000 + "]" * 2000 + " == []",
    ],
    ids=["long", "unbalanced", "nested"],
)
def test_a_huge_expression_is_refused_at_save(when):
    with pytest.raises(PolicyError) as refusal:
        load_rules("p", [rule(when=when)])
    assert refusal.value.field == "when"


def test_two_hundred_rules_cost_ten_times_twenty_at_most_and_a_little():
    raw = [rule(name=f"r{n}", when=f"args.amount == {n + 1000}") for n in range(200)]
    rules = load_rules("p", raw)
    evaluate(rules, FACTS)

    def best(some):
        times = []
        for _ in range(7):
            begun = time.perf_counter()
            evaluate(some, FACTS)
            times.append(time.perf_counter() - begun)
        return min(times)

    assert best(rules) < 40 * best(rules[:20])


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, ("1 of any reviewer",)),
        (TWO_OR_ADMIN, ("2 of group:finance or 1 of role:admin",)),
        (
            {"stages": STAGES, "rejections": 2, "step_up": True},
            (
                "stage 1, money: 2 of group:finance or 1 of role:admin",
                "stage 2, law: 1 of group:legal",
                "ends with 2 rejections",
                "reviewers confirm who they are",
            ),
        ),
        (
            {"expires_in_s": 7200, "remind_at": 0.5, "escalate_to": ["role:admin"], "hold_s": 90},
            (
                "1 of any reviewer",
                "expires in 2 h",
                "reminder after 50% of the time",
                "escalates after 80% of the time to role:admin",
                "hold 90 s",
            ),
        ),
        (
            {"reviewers_from": "[args.x]", "edit_needs_second": True, "exclude_run_starter": True},
            (
                "1 of [args.x] (where that fails role:admin)",
                "whoever edits leaves the decision to others",
                "not whoever started the run",
            ),
        ),
        ({"verdict": "allow", "hold_s": 60}, ("hold 1 min",)),
        ({"quorum": 99}, ("This rule cannot be read: a whole number from 1 to 20 (quorum)",)),
    ],
    ids=str,
)
def test_a_rule_says_in_words_what_it_asks_for(fields, lines):
    assert asks(rule(**fields)) == lines


def test_no_field_of_a_rule_says_what_a_time_out_does():
    """What ends by time ends by `expires_in_s`, and what comes of it is nobody's to configure."""
    timed = {"expires_in_s", "remind_at", "escalate_at", "escalate_to", "hold_s"}
    others = {
        "name", "when", "verdict", "reviewers", "reviewers_from", "quorum", "alternatives",
        "stages", "rejections", "step_up", "reason", "edit_needs_second", "exclude_run_starter",
        "policy_id",
    }  # fmt: skip
    assert set(PolicyRule.__dataclass_fields__) == timed | others
