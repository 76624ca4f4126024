"""Four eyes: who may decide, who counts, and when an old vote is not enough any more."""

from dataclasses import replace

import pytest

from approvals.quorum import PersonFacts, Vote, may_decide, standing
from approvals.requirement import Alternative, Requirement, Stage

BASE = Requirement(reviewers=("role:reviewer",), quorum=2, expires_in_s=3600, hold_s=5)
ANA = PersonFacts("u1", frozenset({"reviewer"}), frozenset({"finance"}), "Ana@a.example")


def person(user, *roles, groups=(), email=""):
    return PersonFacts(user, frozenset(roles or ["reviewer"]), frozenset(groups), email)


def yes(*users):
    return [Vote(person(user), approves=True) for user in users]


def no(*users):
    return [Vote(person(user), approves=False) for user in users]


@pytest.mark.parametrize(
    ("quorum", "votes", "excluded", "have", "satisfied"),
    [
        (1, [], (), 0, False),
        (1, yes("u1"), (), 1, True),
        (2, yes("u1", "u1"), (), 1, False),
        (2, yes("u1", "u2"), (), 2, True),
        (2, yes("u1", "u2"), ("u2",), 1, False),
        (2, yes("u1", "u2", "u3"), ("u2",), 2, True),
        (1, [*yes("u1", "u2"), *no("u3")], (), 2, False),
        (0, [], (), 0, False),
    ],
)
def test_a_person_counts_once_and_a_rejection_ends_it(quorum, votes, excluded, have, satisfied):
    stands = standing(replace(BASE, quorum=quorum), votes, excluded=excluded)
    assert (stands.have, stands.satisfied) == (have, satisfied)
    assert stands.needed == max(1, quorum)


@pytest.mark.parametrize(
    ("reviewers", "roles", "groups", "code"),
    [
        ((), {"reviewer"}, set(), None),
        ((), {"admin"}, set(), None),
        ((), {"operator", "viewer", "auditor"}, {"finance"}, "not_routed"),
        ((), set(), set(), "not_routed"),
        (("role:reviewer",), {"admin"}, set(), None),
        (("role:admin",), {"reviewer"}, set(), "not_routed"),
        (("group:finance",), {"reviewer"}, {"finance"}, None),
        (("group:finance",), {"reviewer"}, {"sales"}, "not_routed"),
        (("group:finance",), {"admin"}, set(), "not_routed"),
        (("user:ANA@a.example",), set(), set(), None),
        (("user:bob@a.example",), {"reviewer"}, set(), "not_routed"),
        (("group:finance", "role:operator"), {"admin"}, set(), None),
    ],
)
def test_action_is_decided_by_whom_it_is_routed_to(reviewers, roles, groups, code):
    person = PersonFacts("u1", frozenset(roles), frozenset(groups), "ana@a.example")
    finding = may_decide(Requirement(reviewers=reviewers), person, requester_ids=())
    assert (finding and finding.code) == code


@pytest.mark.parametrize(
    ("fields", "people", "code"),
    [
        ({}, {"requester_ids": {"u1"}}, "own_action"),
        ({}, {"requester_ids": {"u2"}, "run_starter_id": "u1"}, None),
        ({"exclude_run_starter": True}, {"run_starter_id": "u1"}, "run_starter"),
        ({"exclude_run_starter": True}, {"run_starter_id": "u2"}, None),
        ({}, {"editor_ids": {"u1"}}, None),
        ({"edit_needs_second": True}, {"editor_ids": {"u1"}}, "own_edit"),
        ({"edit_needs_second": True}, {"editor_ids": {"u2", "u1"}}, "own_edit"),
        ({"edit_needs_second": True}, {"editor_ids": {"u1"}, "approving": False}, None),
        ({"edit_needs_second": True}, {"editor_ids": {"u2"}}, None),
    ],
)
def test_own_actions_runs_and_edits_are_left_to_others(fields, people, code):
    people = {"requester_ids": (), **people}
    finding = may_decide(replace(BASE, **fields), ANA, **people)
    assert (finding and finding.code) == code


FINANCE_OR_ADMIN = Requirement(
    reviewers=("group:finance",), quorum=2, alternatives=(Alternative(("role:admin",), 1),)
)
STAGED = Requirement(
    stages=(
        Stage("money", ("group:finance",), 1, (Alternative(("role:admin",), 1),)),
        Stage("law", ("group:legal",), 2),
    )
)
FIN, FIN2, ADMIN = (
    person("f1", groups=["finance"]),
    person("f2", groups=["finance"]),
    person("a1", "admin"),
)
LAW, LAW2 = person("l1", groups=["legal"]), person("l2", groups=["legal"])
BOTH = person("b1", groups=["finance", "legal"])


def agree(*people, stage=0):
    return [Vote(who, approves=True, stage=stage) for who in people]


@pytest.mark.parametrize(
    ("votes", "satisfied"),
    [
        (agree(FIN), False),
        (agree(ADMIN), True),
        (agree(FIN, FIN2), True),
        (agree(FIN, ADMIN), True),
        (agree(FIN, person("r1"), person("r2")), False),
        (agree(FIN, FIN), False),
    ],
)
def test_any_alternative_is_enough_and_counts_only_those_it_names(votes, satisfied):
    assert standing(FINANCE_OR_ADMIN, votes).satisfied is satisfied


def test_progress_tells_each_alternative_and_the_nearest():
    stands = standing(FINANCE_OR_ADMIN, agree(FIN))
    assert [(way.have, way.missing) for way in stands.current.alternatives] == [(1, 1), (0, 1)]
    assert (stands.have, stands.needed, stands.open_stage) == (1, 2, 0)
    assert stands.would_satisfy(FIN2)
    assert stands.would_satisfy(ADMIN)
    assert not stands.would_satisfy(person("r1"))


@pytest.mark.parametrize(
    ("votes", "open_stage", "satisfied"),
    [
        ([], 0, False),
        (agree(FIN), 1, False),
        (agree(ADMIN), 1, False),
        ([*agree(FIN), *agree(LAW, stage=1)], 1, False),
        ([*agree(FIN), *agree(LAW, LAW2, stage=1)], 1, True),
        # Nobody counts for a stage that does not name them, nor for one they did not vote in.
        ([*agree(FIN), *agree(LAW, FIN2, stage=1)], 1, False),
        ([*agree(FIN, LAW, LAW2)], 1, False),
        (agree(LAW, LAW2, stage=1), 0, False),
        # One person counts once, whatever they are.
        ([*agree(BOTH), *agree(BOTH, LAW, stage=1)], 1, False),
    ],
)
def test_stages_are_satisfied_one_after_the_other_by_different_people(votes, open_stage, satisfied):
    stands = standing(STAGED, votes)
    assert (stands.open_stage, stands.satisfied) == (open_stage, satisfied)


@pytest.mark.parametrize(
    ("who", "stage", "code", "says"),
    [
        (FIN, 0, None, ""),
        (LAW, 1, None, ""),
        (BOTH, 1, None, ""),
        (LAW, 0, "not_your_stage", "“law”, which is yours, comes later"),
        (FIN, 1, "not_your_stage", "The stage that was yours is done"),
        (person("r1"), 0, "not_routed", "1 of group:finance or 1 of role:admin, then 2 of"),
        (LAW, None, None, ""),
    ],
)
def test_a_stage_is_decided_in_its_turn(who, stage, code, says):
    finding = may_decide(STAGED, who, requester_ids=(), stage=stage)
    assert (finding and finding.code) == code
    assert says in (finding.detail if finding else "")


def test_as_many_rejections_as_the_rule_says_end_it():
    asked = replace(BASE, rejections=2)
    one, two = standing(asked, [*yes("u1", "u2"), *no("u3")]), standing(asked, no("u1", "u2"))
    assert (one.is_rejected, one.satisfied, one.rejections) == (False, True, 1)
    assert (two.is_rejected, two.satisfied) == (True, False)
    assert not standing(asked, no("u1", "u1")).is_rejected


def test_whoever_refused_does_not_agree_as_well():
    assert standing(replace(BASE, rejections=2), [*yes("u1", "u2"), *no("u1")]).have == 1
