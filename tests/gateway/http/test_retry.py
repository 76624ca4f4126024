"""When a call is repeated, and how long it waits."""

from datetime import UTC, datetime
from random import Random

import pytest

from gateway.http.messages import RetryClass
from gateway.http.retry import decorrelated_s, may_repeat, pause_s, retry_after_s

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def waits(*chances: float) -> list[float]:
    found: list[float] = []
    for chance in chances:
        found.append(decorrelated_s(found[-1] if found else None, chance))
    return found


def test_waits_grow_threefold_at_most_and_stay_within_a_minute() -> None:
    assert waits(1.0, 1.0, 1.0, 1.0, 1.0) == [3, 9, 27, 60, 60]


def test_waits_are_never_shorter_than_a_second() -> None:
    assert waits(0.0, 0.0, 0.0) == [1, 1, 1]
    assert waits(0.9, 0.0)[1] == 1


def test_callers_that_failed_together_do_not_return_together() -> None:
    chance = Random(5)
    callers = [waits(*(chance.random() for _ in range(6))) for _ in range(200)]
    assert all(1 <= wait <= 60 for caller in callers for wait in caller)
    assert len({round(caller[2], 2) for caller in callers}) > 100


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("86400", 3600.0),
        ("9" * 40, 3600.0),
        ("Sat, 20 Nov 2027 12:00:00 GMT", 3600.0),
        ("Fri, 20 Nov 2026 13:00:30 +0100", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 +99999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 3600.0),
        (" 7 ", 7.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Fri, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "retry_after", "remaining", "reset_in", "pause"),
    [
        (429, 30.0, None, None, 30),
        (503, 30.0, None, None, 30),
        (500, 30.0, None, None, 0),
        (403, 30.0, None, None, 0),
        (429, None, None, None, 0),
        (403, None, "0", 600, 600),
        (429, None, "0", 600, 600),
        (429, 30.0, "0", 600, 30),
        (403, None, "0", 9 * 3600, 3600),
        (403, None, "0", -5, 0),
        (403, None, "12", 600, 0),
        (200, None, "0", 600, 0),
    ],
)
def test_a_service_that_wants_to_be_left_alone_says_for_how_long(
    status: int,
    retry_after: float | None,
    remaining: str | None,
    reset_in: int | None,
    pause: float,
) -> None:
    headers = {}
    if remaining is not None and reset_in is not None:
        reset = int(NOW.timestamp()) + reset_in
        headers = {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": str(reset)}
    assert pause_s(status, headers, retry_after=retry_after, now=NOW) == pause


@pytest.mark.parametrize("reset", ["", "soon", "-1", "9" * 40, "1e9"])
def test_a_reset_that_is_no_time_is_no_pause(reset: str) -> None:
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}
    assert pause_s(429, headers, retry_after=None, now=NOW) == 0


@pytest.mark.parametrize(
    ("retry_class", "may_have_happened", "expected"),
    [
        (RetryClass.SAFE, True, True),
        (RetryClass.IDEMPOTENT, True, True),
        (RetryClass.UNSAFE, True, False),
        (RetryClass.UNSAFE, False, True),
    ],
)
def test_an_unsafe_call_is_repeated_only_where_nothing_had_left(
    retry_class: RetryClass, may_have_happened: bool, expected: bool
) -> None:
    assert may_repeat(retry_class, may_have_happened=may_have_happened) is expected
