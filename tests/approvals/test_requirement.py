"""What a rule asks for: stored and hashed stably, and compared so that old votes never suffice."""

import json
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from approvals.quorum import PersonFacts, Vote, standing
from approvals.requirement import (
    Alternative,
    Requirement,
    Stage,
    escalated,
    is_stricter,
    requirement_hash,
    stricter_of,
)
from audit.canonical import digest

BASE = Requirement(reviewers=("role:reviewer",), quorum=2, expires_in_s=3600, hold_s=5)
OWNER = Alternative(("role:admin",), 1)
EITHER = Requirement(reviewers=("group:finance",), quorum=2, alternatives=(OWNER,), rejections=2)
STAGED = Requirement(
    stages=(
        Stage("money", ("group:finance",), 2, (OWNER,)),
        Stage("law", ("group:legal", "user:Cleo@a.example"), 1),
    ),
    remind_at=0.5,
    escalate_at=0.8,
    escalate_to=("user:boss@a.example",),
    step_up=True,
)


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


@pytest.mark.parametrize("asked", [BASE, EITHER, STAGED], ids=["base", "either", "staged"])
def test_requirement_survives_storage(asked):
    again = Requirement.from_dict(json.loads(json.dumps(asked.as_dict())))
    assert (again, again.hash) == (asked, asked.hash)


def test_a_requirement_stored_before_there_were_stages_keeps_its_hash():
    stored = {
        "reviewers": ["role:reviewer"], "quorum": 2, "expires_in_s": 3600, "hold_s": 5,
        "edit_needs_second": False, "exclude_run_starter": False, "reason": "",
    }  # fmt: skip
    assert Requirement.from_dict(stored) == BASE
    assert digest(stored) == BASE.hash


def test_the_hash_is_that_of_what_is_asked_in_whatever_order_it_is_named():
    one, other = (replace(BASE, reviewers=names) for names in (("a:1", "b:2"), ("b:2", "a:1")))
    assert one.hash == other.hash
    assert requirement_hash(BASE) == BASE.hash
    assert len({BASE.hash, requirement_hash(None), replace(BASE, quorum=1).hash}) == 3
    assert len({STAGED.hash, replace(STAGED, stages=STAGED.stages[::-1]).hash}) == 2


@pytest.mark.parametrize(
    "stored",
    [
        {"surprise": 1},
        {"stages": [{"name": "a", "surprise": 1}]},
        {"alternatives": [{"surprise": 1}]},
        {"stages": [{"name": "a", "alternatives": [{"surprise": 1}]}]},
    ],
    ids=str,
)
def test_stored_requirement_with_an_unknown_field_is_refused(stored):
    with pytest.raises(ValueError, match="surprise"):
        Requirement.from_dict(stored)


def test_a_requirement_says_in_words_who_agrees():
    assert EITHER.words == "2 of group:finance or 1 of role:admin"
    assert STAGED.words == f"{EITHER.words}, then 1 of group:legal, user:Cleo@a.example"


def test_those_it_was_escalated_to_count_in_every_stage():
    boss = PersonFacts("u9", email="Boss@a.example")
    wider = escalated(STAGED)
    assert all(boss.names & choice.names for stage in wider.steps for choice in stage.choices)
    assert [choice.quorum for choice in wider.steps[0].choices] == [2, 1]
    assert escalated(BASE) == BASE
    widened = escalated(replace(BASE, escalate_to=("role:admin",)))
    assert widened.reviewers == ("role:admin", "role:reviewer")


@pytest.mark.parametrize(
    ("new", "old", "stricter"),
    [
        (EITHER, EITHER, False),
        (replace(EITHER, alternatives=()), EITHER, True),
        (EITHER, replace(EITHER, alternatives=()), False),
        (replace(EITHER, rejections=1), EITHER, True),
        (replace(EITHER, rejections=3), EITHER, False),
        (STAGED, STAGED, False),
        (replace(STAGED, stages=STAGED.stages[:1]), STAGED, False),
        (replace(STAGED, stages=STAGED.stages[1:]), STAGED, False),
        (replace(STAGED, stages=STAGED.stages[::-1]), STAGED, True),
        (STAGED, replace(STAGED, stages=STAGED.stages[1:]), True),
        (replace(STAGED, step_up=False), STAGED, False),
        (STAGED, replace(STAGED, step_up=False), True),
        (replace(STAGED, remind_at=0.0), STAGED, False),
        (replace(STAGED, escalate_to=()), STAGED, True),
        (replace(STAGED, escalate_at=0.9), STAGED, True),
        (replace(STAGED, escalate_at=0.7), STAGED, False),
        (Requirement(), Requirement(reviewers=("role:admin",)), False),
        (Requirement(reviewers=("role:admin",)), Requirement(), True),
    ],
)
def test_alternatives_and_stages_compare_by_whose_votes_would_do(new, old, stricter):
    assert is_stricter(new, old) is stricter


NAMES = st.sampled_from(
    ["role:admin", "role:reviewer", "role:operator", "group:a", "user:U1@a.example"]
)
REVIEWERS = st.lists(NAMES, max_size=2, unique=True).map(tuple)
WAY = {"reviewers": REVIEWERS, "quorum": st.integers(1, 2)}
WAYS = {
    **WAY,
    "alternatives": st.lists(st.builds(Alternative, **WAY), max_size=1).map(tuple),
}
REQUIREMENTS = st.builds(
    Requirement,
    **WAYS,
    stages=st.lists(st.builds(Stage, **WAYS), max_size=3).map(tuple),
    rejections=st.integers(1, 2),
    escalate_at=st.sampled_from([0.0, 0.5]),
    escalate_to=st.lists(NAMES, max_size=1).map(tuple),
)
# What may become of an entry of a rule while its requirement is not seen as stricter, and more.
CHANGES = st.sampled_from(["keep", "keep", "less", "more", "wider", "narrower", "drop"])


def changed(way, change):
    """An alternative or a stage after somebody edited it."""
    quorum = way.quorum + {"less": -1, "more": 1}.get(change, 0)
    reviewers = way.reviewers + (("group:new",) if change == "wider" else ())
    return replace(
        way,
        quorum=max(1, quorum),
        reviewers=reviewers[1:] if change == "narrower" else reviewers,
    )


@st.composite
def edits(draw):
    """A requirement, and what an edit made of it."""
    old = draw(REQUIREMENTS)
    kept = []
    for stage in old.stages:
        if (change := draw(CHANGES)) != "drop":
            others = [changed(way, draw(CHANGES)) for way in stage.alternatives]
            kept.append(replace(changed(stage, change), alternatives=tuple(others)))
    others = [changed(way, draw(CHANGES)) for way in old.alternatives]
    new = replace(changed(old, draw(CHANGES)), alternatives=tuple(others), stages=tuple(kept))
    return old, replace(new, rejections=draw(st.integers(1, 2)))


@st.composite
def enough(draw, asked):
    """Votes that satisfy a requirement, of people who are named and nothing else."""
    votes = []
    for number, stage in enumerate(asked.steps):
        way = draw(st.sampled_from(stage.choices))
        for _ in range(way.quorum):
            name = draw(st.sampled_from(sorted(way.names)))
            votes.append(Vote(named(name, f"u{len(votes)}"), True, number))
    if draw(st.booleans()) and asked.rejections > 1:
        votes.append(Vote(PersonFacts("no"), False))
    return votes


def named(name, user_id):
    kind, _, value = name.partition(":")
    return PersonFacts(
        user_id,
        frozenset({value} if kind == "role" else ()),
        frozenset({value} if kind == "group" else ()),
        value if kind == "user" else "",
    )


def would_do(new, votes, *, old_stages):
    """Whether the votes satisfy `new` where old stages stand in for new ones in their order."""
    refusals = [vote for vote in votes if not vote.approves]
    return any(
        standing(new, [*_renumbered(votes, kept), *refusals]).satisfied
        for kept in combinations(range(old_stages), len(new.steps))
    )


def _renumbered(votes, kept):
    return [
        replace(vote, stage=kept.index(vote.stage))
        for vote in votes
        if vote.approves and vote.stage in kept
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(edit=edits(), is_escalated=st.booleans(), data=st.data())
def test_votes_that_were_enough_do_for_whatever_is_not_stricter(edit, is_escalated, data):
    old, new = edit
    assume(not is_stricter(new, old))
    if is_escalated and old.escalate_at:
        old, new = escalated(old), escalated(new)
    votes = data.draw(enough(old))
    assert standing(old, votes).satisfied
    assert would_do(new, votes, old_stages=len(old.steps))


@settings(deadline=None)
@given(asked=REQUIREMENTS)
def test_nothing_is_stricter_than_itself(asked):
    assert not is_stricter(asked, asked)
    assert Requirement.from_dict(asked.as_dict()).hash == asked.hash


def test_two_requirements_in_one_lose_neither_people_nor_precautions():
    old = Requirement(reviewers=("group:finance",), quorum=2, hold_s=60, step_up=True)
    milder = Requirement(reviewers=("group:finance",), quorum=1, expires_in_s=600, rejections=2)
    both = stricter_of(milder, old)
    assert (both.reviewers, both.quorum, both.hold_s, both.step_up) == (
        ("group:finance",), 2, 60, True,
    )  # fmt: skip
    assert (both.expires_in_s, both.rejections) == (600, 1)
    other = Requirement(reviewers=("group:legal",), edit_needs_second=True)
    asked = stricter_of(other, old)
    assert (asked.reviewers, asked.edit_needs_second, asked.hold_s) == (("group:legal",), True, 60)


def test_neither_of_two_requirements_is_stricter_than_both_in_one():
    one = Requirement(quorum=2, hold_s=5)
    two = Requirement(quorum=1, hold_s=60, exclude_run_starter=True)
    for new, old in ((one, two), (two, one)):
        assert not is_stricter(one, stricter_of(new, old))
        assert not is_stricter(two, stricter_of(new, old))
