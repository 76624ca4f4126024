"""Which masked values a verdict rests on."""

import pytest

from approvals.policy.engine import evaluate, load_rules
from approvals.policy.references import masked_in, paths_in, uncertain
from approvals.redact import redact

FACTS = redact(
    {
        "args": {"iban": "NO12", "amount": 5, "people": [{"ssn": "1"}], "note": "x"},
        "tool": {"name": "pay", "side_effect": "write"},
    },
    ["args.iban"],
)


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("args.iban", {("args", "iban")}),
        ('args["iban"] == "x"', {("args", "iban")}),
        ("args . people [0] . ssn", {("args", "people", "0", "ssn")}),
        ("args.people.exists(p, p.ssn == tool.name)", {("args", "people"), ("tool", "name")}),
        ("args[tool.name]", {("args",), ("tool", "name")}),
        ('args["a\\x62"]', {("args",)}),
        ("size(args)", {("args",)}),
        ("true", set()),
        ("my_args.x", set()),
    ],
)
def test_what_an_expression_may_look_at(source, paths):
    assert paths_in(source) == paths


def test_masks_are_found_wherever_they_are():
    assert masked_in(FACTS) == {("args", "iban"), ("args", "people", "0", "ssn")}


@pytest.mark.parametrize(
    ("when", "places"),
    [
        ('args.iban.startsWith("NO")', ("/args/iban",)),
        ("args.amount > 1", ()),
        ("args.people.exists(p, p.ssn == '1')", ("/args/people/0/ssn",)),
        ("size(args) > 2", ("/args/iban", "/args/people/0/ssn")),
    ],
)
def test_a_verdict_is_uncertain_where_a_rule_looked_at_a_mask(when, places):
    rules = load_rules("pol_1", [{"name": "r", "when": when, "verdict": "deny"}])
    assert uncertain(rules, evaluate(rules, FACTS), masked_in(FACTS)) == places


def test_a_rule_that_was_not_reached_makes_nothing_uncertain():
    raw = [
        {"name": "a", "when": "args.amount == 5", "verdict": "deny"},
        {"name": "b", "when": 'args.iban == "x"', "verdict": "deny"},
    ]
    rules = load_rules("pol_1", raw)
    assert uncertain(rules, evaluate(rules, FACTS), masked_in(FACTS)) == ()
