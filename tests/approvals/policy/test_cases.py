"""A policy's own tests: what may be written in them, and that they can fail."""

import pytest

from approvals.policy.cases import CasesError, load_cases, run_cases
from approvals.policy.engine import load_rules

RULES = [
    {"name": "small", "when": 'tool.name == "refund" && args.amount <= 50', "verdict": "allow"},
    {
        "name": "at night", "when": "time.hour < 8", "verdict": "require_approval",
        "reviewers": ["group:night", "role:reviewer"], "quorum": 2,
    },
]  # fmt: skip
CASES = """
cases:
  - name: small ones are free
    tool: refund
    args: {amount: 50}
    expect: {verdict: allow, rule: small}
  - name: two at night, in the tenant's own time
    tool: {name: refund, side_effect: write}
    args: {amount: 51}
    at: 2026-03-02T07:30
    zone: Europe/Oslo
    expect: {verdict: require_approval, quorum: 2, reviewers: [role:reviewer, group:night]}
  - name: the default stays
    tool: {name: look, side_effect: read}
    expect: {verdict: allow, rule: default}
"""


def outcomes(text, rules=RULES):
    return run_cases(load_rules("pol_1", rules), load_cases(text))


def test_cases_pass_where_the_rules_say_what_is_expected():
    assert [(one.case, one.passed, one.detail) for one in outcomes(CASES)] == [
        ("small ones are free", True, ""),
        ("two at night, in the tenant's own time", True, ""),
        ("the default stays", True, ""),
    ]


def test_a_case_fails_and_says_what_came_instead():
    dearer = [{**RULES[0], "when": "args.amount <= 10"}, RULES[1]]
    first = outcomes(CASES, dearer)[0]
    assert not first.passed
    assert "verdict is 'require_approval', expected 'allow'" in first.detail
    assert (first.verdict, first.rule) == ("require_approval", "default")


def test_a_case_without_a_time_is_judged_at_the_same_hour_whenever_it_runs():
    text = "cases: [{name: noon, tool: {name: x}, expect: {rule: hour}}]"
    rule = {"name": "hour", "when": "time.hour == 12 && time.weekday == 3", "verdict": "deny"}
    assert outcomes(text, [rule])[0].passed


def test_an_empty_text_holds_no_cases():
    assert load_cases(" \n") == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("cases: [", "line 1"),
        ("just words", "list of cases"),
        ("cases: [{expect: {rule: x}}]", "name"),
        ("cases: [{name: a, expect: {}}]", "expect"),
        ("cases: [{name: a, expect: {verdict: maybe}}]", "verdict is one of"),
        ("cases: [{name: a, expect: {color: red}}]", "color"),
        ("cases: [{name: a, when: x, expect: {rule: x}}]", "when"),
        ("cases: [{name: a, facts: {secret: 1}, expect: {rule: x}}]", "secret"),
        ("cases: [{name: a, args: 5, expect: {rule: x}}]", "args is an object"),
        ("cases: [{name: a, at: soon, expect: {rule: x}}]", "at is a time"),
        ("cases: [{name: a, zone: Mars/Base, expect: {rule: x}}]", "time zone"),
        ("cases: [{name: a, name: b, expect: {rule: x}}]", "there once"),
        ("- {name: a, expect: {rule: x}}\n- {name: a, expect: {rule: x}}", "twice"),
        ("a: &a [1]\nb: *a", "aliases"),
        ("!!python/object/apply:os.system [id]", "tags"),
        ("[" * 60 + "]" * 60, "deeply"),
        ("x: \x00", "characters"),
        ("x" * 65_537, "at most"),
        ("cases:\n" + "- {name: a, expect: {rule: x}}\n" * 201, "at most 200"),
    ],
)
def test_what_holds_no_cases_is_refused_with_its_reason(text, word):
    with pytest.raises(CasesError, match=word):
        load_cases(text)


def test_scalars_are_those_of_json():
    case = load_cases(
        "- {name: a, args: {a: no, b: 2026-01-02, c: 1e3, d: null, e: 0x10}, expect: {rule: x}}"
    )[0]
    assert case.facts["args"] == {"a": "no", "b": "2026-01-02", "c": 1000.0, "d": None, "e": "0x10"}
