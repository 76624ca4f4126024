"""Four eyes: who may decide, who counts, and when an old vote is not enough any more."""

from dataclasses import replace

import pytest

from approvals.quorum import (
    PersonFacts,
    Requirement,
    Vote,
    is_stricter,
    may_decide,
    requirement_hash,
    standing,
)

BASE = Requirement(reviewers=("role:reviewer",), quorum=2, expires_in_s=3600, hold_s=5)
ANA = PersonFacts("u1", frozenset({"reviewer"}), frozenset({"finance"}), "Ana@a.example")


def yes(*users):
    return [Vote(user, approves=True) for user in users]


@pytest.mark.parametrize(
    ("quorum", "votes", "excluded", "have", "satisfied"),
    [
        (1, [], (), 0, False),
        (1, yes("u1"), (), 1, True),
        (2, yes("u1", "u1"), (), 1, False),
        (2, yes("u1", "u2"), (), 2, True),
        (2, yes("u1", "u2"), ("u2",), 1, False),
        (2, yes("u1", "u2", "u3"), ("u2",), 2, True),
        (1, [*yes("u1", "u2"), Vote("u3", approves=False)], (), 2, False),
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


@pytest.mark.parametrize(
    ("change", "stricter"),
    [
        ({}, False),
        ({"reason": "other words"}, False),
        ({"quorum": 3}, True),
        ({"quorum": 1}, False),
        ({"hold_s": 6}, True),
        ({"hold_s": 0}, False),
        ({"expires_in_s": 60}, True),
        ({"expires_in_s": 7200}, False),
        ({"edit_needs_second": True}, True),
        ({"exclude_run_starter": True}, True),
        ({"reviewers": ("group:finance",)}, True),
        ({"reviewers": ("role:reviewer", "group:finance")}, False),
        ({"reviewers": ()}, False),
    ],
    ids=str,
)
def test_requirement_is_stricter_where_old_votes_are_not_enough(change, stricter):
    assert is_stricter(replace(BASE, **change), BASE) is stricter


def test_needing_anybody_is_stricter_than_needing_nobody():
    assert is_stricter(BASE, None)
    assert not is_stricter(None, BASE)
    assert not is_stricter(None, None)


def test_requirement_survives_storage_with_a_stable_hash():
    stored = BASE.as_dict()
    assert Requirement.from_dict(stored) == BASE
    assert Requirement.from_dict(stored).hash == BASE.hash == requirement_hash(BASE)
    assert requirement_hash(None) != BASE.hash
    assert (
        replace(BASE, reviewers=("a:1", "b:2")).hash == replace(BASE, reviewers=("b:2", "a:1")).hash
    )
    assert replace(BASE, quorum=1).hash != BASE.hash


def test_stored_requirement_with_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="surprise"):
        Requirement.from_dict({"surprise": 1})
