"""Whether the people there are could ever agree: each of them counts once."""

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.quorum import PersonFacts, Vote, standing
from approvals.reachable import missing
from approvals.requirement import Alternative, Requirement, Stage


def people(*groups):
    """A person for each text of groups, “ab” is in two."""
    return [PersonFacts(f"u{n}", groups=frozenset(each)) for n, each in enumerate(groups)]


def way(group, quorum):
    return Alternative((f"group:{group}",), quorum)


def stage(name, *ways):
    first, *others = ways
    return Stage(name, first.reviewers, first.quorum, tuple(others))


@pytest.mark.parametrize(
    ("asked", "there", "says"),
    [
        (Requirement(reviewers=("group:a",), quorum=2), people("a", "a"), ""),
        (
            Requirement(reviewers=("group:a",), quorum=2),
            people("a", "b"),
            "It waits for 2 of group:a (2 needed, 1 member can decide).",
        ),
        (
            Requirement(reviewers=("group:a",), quorum=2, alternatives=(way("b", 1),)),
            people("a"),
            "It waits for 2 of group:a (2 needed, 1 member can decide) or "
            "1 of group:b (1 needed, 0 members can decide).",
        ),
        (
            Requirement(reviewers=("group:a",), quorum=2, alternatives=(way("b", 1),)),
            people("b"),
            "",
        ),
        (
            Requirement(stages=(stage("x", way("a", 1)), stage("y", way("b", 1)))),
            people("a"),
            "Stage “y” waits for 1 of group:b (1 needed, 0 members can decide).",
        ),
        (
            Requirement(stages=(stage("x", way("a", 1)), stage("y", way("b", 1)))),
            people("ab"),
            "The stages “x”, “y” need 2 different people or more",
        ),
        (
            Requirement(stages=(stage("x", way("a", 1)), stage("y", way("b", 1)))),
            people("ab", "b"),
            "",
        ),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_is_missing_is_said(asked, there, says):
    found = missing(standing(asked, ()), there)
    assert found.startswith(says)
    assert bool(found) == bool(says)


def test_votes_that_were_cast_are_counted_and_their_people_not_asked_again():
    asked = Requirement(reviewers=("group:a",), quorum=2)
    first, second = people("a", "a")
    after = standing(asked, [Vote(first, approves=True)])
    assert missing(after, [second]) == ""
    assert missing(after, []) == (
        "It waits for 2 of group:a (1 more are needed, 0 members can decide)."
    )


GROUPS = st.sampled_from("abc")
WAYS = st.builds(way, GROUPS, st.integers(1, 2))
STAGES = st.lists(
    st.lists(WAYS, min_size=1, max_size=2).map(lambda ways: stage("s", *ways)),
    min_size=1,
    max_size=3,
)


@settings(deadline=None)
@given(stages=STAGES, groups=st.lists(st.sets(GROUPS), max_size=4))
def test_it_agrees_with_trying_everybody_everywhere(stages, groups):
    asked, there = Requirement(stages=tuple(stages)), people(*groups)
    places = range(-1, len(stages))  # -1: does not vote
    tried = any(
        standing(
            asked, [Vote(p, True, at) for p, at in zip(there, plan, strict=True) if at >= 0]
        ).satisfied
        for plan in product(places, repeat=len(there))
    )
    assert (missing(standing(asked, ()), there) == "") is tried


def test_many_stages_alternatives_and_people_are_no_burden():
    ways = [way(group, 20) for group in "abcde"]
    asked = Requirement(stages=tuple(stage(f"s{n}", *ways) for n in range(5)))
    crowd = people(*["".join(pair) for pair in combinations("abcde", 2)] * 9)
    assert "need 100 different people" in missing(standing(asked, ()), crowd)
