"""When a call is repeated, and how long it waits."""

from datetime import UTC, datetime

import pytest

from gateway.http.messages import RetryClass
from gateway.http.retry import backoff_s, may_repeat, retry_after_s

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_back_off_doubles_from_one_second_and_stays_within_a_minute(chance: float) -> None:
    waits = [backoff_s(attempt, chance) for attempt in range(1, 40)]
    assert waits[0] >= 1
    assert waits == sorted(waits)
    assert max(waits) == 60
    assert waits[1] == 2 * waits[0]


def test_chance_spreads_callers_apart() -> None:
    assert backoff_s(3, 0.0) < backoff_s(3, 0.5) < backoff_s(3, 0.9)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
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
