"""Figures add up, and quantiles are right to one percent."""

import random

import pytest

from gateway.board.figures import add, bucket, merged, quantile, total


def test_figures_merge_number_by_number():
    left = {"asked": {"self": 2}, "tools": {"refund": [1, 0, 0]}, "loops": 1}
    right = {"asked": {"self": 1, "people": 4}, "tools": {"refund": [2, 1, 0], "mail": [1, 1, 0]}}
    assert merged([left, {}, right]) == {
        "asked": {"self": 3, "people": 4},
        "tools": {"refund": [3, 1, 0], "mail": [1, 1, 0]},
        "loops": 1,
    }
    assert left["tools"] == {"refund": [1, 0, 0]}


def test_adding_makes_the_way_there():
    figures = {}
    add(figures, ("votes", "ana"), [1, 0])
    add(figures, ("votes", "ana"), [0, 1])
    add(figures, ("loops",))
    assert figures == {"votes": {"ana": [1, 1]}, "loops": 1}
    assert total(figures, "loops") == 1
    assert total(figures, "nothing", "here") == 0


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_quantile_is_right_to_one_percent(share):
    chance = random.Random(7)
    lengths = sorted(chance.lognormvariate(8, 2) + 1 for _ in range(2001))
    buckets = {}
    for length in lengths:
        add(buckets, (bucket(length),))
    exact = lengths[int(share * len(lengths))]
    assert quantile(buckets, share) == pytest.approx(exact, rel=0.015)


def test_of_nothing_there_is_no_quantile():
    assert quantile({}, 0.5) is None
