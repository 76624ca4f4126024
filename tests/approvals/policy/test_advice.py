"""Warnings about rules that compile and yet are not meant."""

from approvals.policy.advice import advice
from approvals.policy.engine import load_rules

DROP = {"name": "drop_table", "side_effect": "destructive", "risk": "critical"}
LOOK = {"name": "look", "side_effect": "read"}


def told(*raw, tools=(LOOK,)):
    rules = load_rules("pol_1", [{"name": f"r{at}", **rule} for at, rule in enumerate(raw)])
    return [(one.rule, one.code) for one in advice(rules, tools)]


def when(condition, verdict="require_approval"):
    return {"when": condition, "verdict": verdict}


def test_sound_rules_get_no_advice():
    assert told(when("args.amount > 5", "deny"), when("args.amount > 1"), when("true")) == []


def test_whatever_follows_an_always_true_rule_is_unreachable():
    assert told(when("(1 == 1)"), when("args.x == 1"), when("args.x == 2")) == [
        ("r1", "unreachable"),
        ("r2", "unreachable"),
    ]


def test_the_same_condition_twice_is_unreachable_the_second_time():
    assert told(when("args.x  == 1"), when("args.x == 1", "deny")) == [("r1", "unreachable")]


def test_a_rule_that_is_never_true_is_told():
    assert told(when("1 > 2")) == [("r0", "never")]


def test_a_denial_after_an_allowance_is_told():
    assert told(when("args.x == 1", "allow"), when("args.y == 1", "deny")) == [
        ("r1", "allow_before_deny")
    ]


def test_a_destructive_tool_that_would_run_by_itself_is_told():
    assert told(when("true", "allow"), tools=[DROP]) == [("r0", "destructive_allowed")]
    careful = when('tool.side_effect == "destructive"')
    assert told(careful, when("true", "allow"), tools=[DROP]) == []


def test_an_allowance_that_names_a_destructive_tool_is_told():
    named = when("tool.name == 'drop_table' && args.sure", "allow")
    assert told(named, tools=[DROP]) == [("r0", "destructive_allowed")]


def test_without_tools_a_destructive_one_is_imagined():
    assert told(when("true", "allow"), tools=()) == [("r0", "destructive_allowed")]
