"""Tokens: what is there, what comes back, and how callers that wait line up."""

from random import Random

import pytest

from gateway.http import bucket
from gateway.http.bucket import Bucket
from gateway.http.limits import Rate

SHOP = Rate(2, 1, 40)


def test_a_bucket_that_nobody_used_is_full() -> None:
    assert bucket.level(None, SHOP, now=1000.0) == 40
    assert bucket.wait_s(None, SHOP, cost=1, now=1000.0) == 0


def test_tokens_come_back_at_the_pace_and_never_above_the_burst() -> None:
    empty = Bucket(0.0, 1000.0)
    assert bucket.level(empty, SHOP, now=1005.0) == 10
    assert bucket.level(empty, SHOP, now=9999.0) == 40


def test_callers_that_wait_go_one_after_the_other() -> None:
    found: Bucket | None = Bucket(1.0, 1000.0)
    waits = []
    for _ in range(5):
        waits.append(bucket.wait_s(found, SHOP, cost=1, now=1000.0))
        found = bucket.take(found, SHOP, cost=1, now=1000.0)
    assert waits == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_a_cost_above_the_burst_waits_for_a_full_bucket_instead_of_for_ever() -> None:
    points = Rate(50, 1, 1000)
    assert bucket.wait_s(None, points, cost=1200, now=0.0) == 0
    after = bucket.take(None, points, cost=1200, now=0.0)
    assert bucket.wait_s(after, points, cost=1, now=0.0) == pytest.approx(201 / 50)


def test_a_clock_that_was_set_back_neither_gives_nor_takes() -> None:
    assert bucket.level(Bucket(3.0, 1000.0), SHOP, now=400.0) == 3


@pytest.mark.parametrize("rate", [SHOP, Rate(5000, 3600), Rate(1, 10), Rate(0.3)])
def test_no_window_sees_more_than_burst_and_pace_allow(rate: Rate) -> None:
    chance, now, found, taken = Random(7), 0.0, None, []
    for _ in range(400):
        now += chance.expovariate(2 * rate.per_s)
        if bucket.wait_s(found, rate, cost=1, now=now) == 0:
            found = bucket.take(found, rate, cost=1, now=now)
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            allowed = rate.burst + (taken[last] - start) * rate.per_s
            assert last - first + 1 <= allowed + 1e-6
