"""The difference between two versions, rule by rule."""

from approvals.policy.changes import changes


def rules(*names, **fields):
    return [{"name": name, "when": fields.get(name, "true"), "verdict": "deny"} for name in names]


def told(old, new):
    return [(one.kind, one.name, one.old_place, one.new_place) for one in changes(old, new)]


def test_equal_lists_have_no_changes():
    assert changes(rules("a", "b"), rules("a", "b")) == []


def test_added_removed_and_changed_rules_are_told_with_their_places():
    assert told(rules("a", "b", "c"), rules("a", "x", "c", c="false")) == [
        ("added", "x", 0, 2),
        ("changed", "c", 3, 3),
        ("removed", "b", 2, 0),
    ]


def test_a_changed_rule_names_its_fields():
    old = [{"name": "a", "when": "true", "verdict": "deny", "reason": ""}]
    new = [{"name": "a", "when": "args.x == 1", "verdict": "allow", "reviewers": None}]
    assert changes(old, new)[0].fields == {
        "when": ("true", "args.x == 1"),
        "verdict": ("deny", "allow"),
    }


def test_only_the_rule_that_overtook_others_is_moved():
    assert told(rules("a", "b", "c", "d"), rules("d", "a", "b", "c")) == [("moved", "d", 4, 1)]


def test_a_rule_that_is_added_moves_no_others():
    assert told(rules("a", "b"), rules("x", "a", "b")) == [("added", "x", 0, 1)]


def test_a_rule_may_be_changed_and_moved():
    [only] = [c for c in changes(rules("a", "b"), rules("b", "a", b="false")) if c.name == "b"]
    assert (only.kind, only.is_moved or only.old_place != only.new_place) == ("changed", True)
