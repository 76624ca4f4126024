"""Windows begin and end by the tenant's clock, also where that clock is set."""

from datetime import UTC, datetime

import pytest

from gateway.budgets.periods import window

OSLO = "Europe/Oslo"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "now", "key", "ends"),
    [
        ("day", "2026-11-25T23:30:00", "2026-11-26", "2026-11-26T23:00:00"),
        ("day", "2026-11-25T22:30:00", "2026-11-25", "2026-11-25T23:00:00"),
        ("month", "2026-12-31T23:30:00", "2027-01", "2027-01-31T23:00:00"),
        ("month", "2026-01-31T12:00:00", "2026-01", "2026-01-31T23:00:00"),
        ("hour", "2026-11-26T10:59:59", "2026-11-26T11+0100", "2026-11-26T11:00:00"),
        ("minute", "2026-11-26T10:59:59", "2026-11-26T11:59+0100", "2026-11-26T11:00:00"),
        # The clock is set: the day has 25 hours, and the hour from two to three comes twice.
        ("day", "2026-10-25T10:00:00", "2026-10-25", "2026-10-25T23:00:00"),
        ("hour", "2026-10-25T00:30:00", "2026-10-25T02+0200", "2026-10-25T01:00:00"),
        ("hour", "2026-10-25T01:30:00", "2026-10-25T02+0100", "2026-10-25T02:00:00"),
    ],
)
def test_a_window_has_the_key_and_the_end_of_the_tenants_clock(period, now, key, ends):
    found = window(period, now=at(now), time_zone=OSLO)
    assert found is not None
    assert (found.key, found.ends_at) == (key, at(ends))


def test_a_run_is_a_window_of_its_own_and_nothing_without_one():
    now = at("2026-11-26T10:00:00")
    assert window("run", now=now, time_zone=OSLO) is None
    found = window("run", now=now, time_zone=OSLO, run="run_1")
    assert found is not None
    assert (found.key, found.ends_at) == ("run_1", None)


def test_a_total_never_ends():
    found = window("total", now=at("2026-11-26T10:00:00"), time_zone=OSLO)
    assert found is not None
    assert found.ends_at is None
