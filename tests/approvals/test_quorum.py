"""Four eyes: who may decide, who counts, and when an old vote is not enough any more."""

from dataclasses import replace

import pytest

from approvals.quorum import PersonFacts, Vote, may_decide, standing
from approvals.requirement import Requirement

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
        ({}, {"editor_id": "u1"}, None),
        ({"edit_needs_second": True}, {"editor_id": "u1"}, "own_edit"),
        ({"edit_needs_second": True}, {"editor_id": "u1", "approving": False}, None),
        ({"edit_needs_second": True}, {"editor_id": "u2"}, None),
    ],
)
def test_own_actions_runs_and_edits_are_left_to_others(fields, people, code):
    people = {"requester_ids": (), **people}
    finding = may_decide(replace(BASE, **fields), ANA, **people)
    assert (finding and finding.code) == code
