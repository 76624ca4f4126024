"""What a connector or a connection says about a service, in words and numbers."""

import pytest

from gateway.http.limits import Limits, Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("2/s", Rate(2)),
        ("5000/h", Rate(5000, 3600)),
        ("30/10s", Rate(30, 10)),
        ("0.5/m", Rate(0.5, 60)),
        ("50/s, burst 1000", Rate(50, 1, 1000)),
    ],
)
def test_a_rate_is_read_and_written_in_the_same_words(text: str, rate: Rate) -> None:
    assert Rate.of(text) == rate
    assert str(rate) == text


@pytest.mark.parametrize(
    "text", ["", "2", "0/s", "2/0s", "-2/s", "2/d", "2/s, burst 0", "2/s burst 4"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate like"):
        Rate.of(text)


def test_the_defaults_are_those_of_the_mission() -> None:
    limits = Limits()
    assert (limits.connect_s, limits.total_s) == (10, 30)
    assert (limits.failures, limits.open_s) == (5, 60)
    assert (limits.requests, limits.points) == (None, None)


def test_a_connection_changes_what_its_connector_knows() -> None:
    shopify = Limits().with_({"requests": "2/s, burst 40", "points": "50/s, burst 1000"})
    slower = shopify.with_({"rate_per_s": 1, "total_s": 20})
    assert slower.requests == Rate(1, 1, 40)
    assert (slower.points, slower.total_s, slower.attempts) == (Rate(50, 1, 1000), 20, 4)
    assert shopify.with_({"burst": 10}).requests == Rate(2, 1, 10)
    assert shopify.with_({"requests": None}).requests is None
    assert Limits().with_({"burst": 10}).requests is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"speed": 9}, "no limit speed"),
        ({"total_s": 0}, "total_s is a number from 0.1 to 30"),
        ({"total_s": float("inf")}, "total_s"),
        ({"total_s": float("nan")}, "total_s"),
        ({"total_s": "30"}, "total_s"),
        ({"attempts": 2.5}, "attempts is a whole number"),
        ({"attempts": True}, "attempts"),
        ({"open_s": 0}, "open_s"),
        ({"requests": "fast"}, "requests: 'fast' is not a rate"),
        ({"points": 3}, "points: '3' is not a rate"),
    ],
)
def test_a_limit_out_of_bounds_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Limits().with_(changes)
