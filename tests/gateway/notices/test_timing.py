"""When notices leave: quiet hours over midnight and over a clock change, and digests."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from gateway.notices.media import Digest
from gateway.notices.timing import Habits, departure

pytestmark = pytest.mark.once
LISBON, NEW_YORK = ZoneInfo("Europe/Lisbon"), ZoneInfo("America/New_York")
NIGHT = Habits(LISBON, time(22), time(7))


def leaves(habits: Habits, now: datetime, *, risk: str = "medium", gather: bool = True) -> datetime:
    return departure(habits, risk, now=now, may_gather=gather).at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("2026-11-26T21:59", "2026-11-26T21:59"),
        ("2026-11-26T22:00", "2026-11-27T07:00"),
        ("2026-11-27T03:00", "2026-11-27T07:00"),
        ("2026-11-27T07:00", "2026-11-27T07:00"),
        # In summer Lisbon is an hour ahead of UTC.
        ("2026-07-01T21:00", "2026-07-02T06:00"),
        # The night in which the clocks go forward: seven o'clock comes an hour earlier.
        ("2026-03-28T23:00", "2026-03-29T06:00"),
    ],
)
def test_what_comes_in_quiet_hours_waits_for_their_end(now: str, then: str) -> None:
    assert leaves(NIGHT, at(now)) == at(then)


def test_quiet_hours_within_a_day_count_by_the_persons_clock() -> None:
    lunch = Habits(NEW_YORK, time(12), time(13))
    assert leaves(lunch, at("2026-11-26T17:30")) == at("2026-11-26T18:00")
    assert leaves(lunch, at("2026-11-26T12:30")) == at("2026-11-26T12:30")


def test_critical_risk_waits_for_nothing() -> None:
    habits = Habits(LISBON, time(22), time(7), Digest.DAILY)
    now = at("2026-11-27T03:00")
    assert leaves(habits, now, risk="critical") == now


def test_high_risk_is_not_gathered_but_keeps_the_quiet() -> None:
    habits = Habits(LISBON, time(22), time(7), Digest.DAILY)
    gone = departure(habits, "high", now=at("2026-11-27T03:00"), may_gather=True)
    assert (gone.at, gone.is_gathered) == (at("2026-11-27T07:00"), False)
    assert leaves(habits, at("2026-11-27T12:00"), risk="high") == at("2026-11-27T12:00")


def test_an_hourly_digest_leaves_with_the_next_hour() -> None:
    gone = departure(
        Habits(LISBON, digest=Digest.HOURLY), "low", now=at("2026-11-26T10:20"), may_gather=True
    )
    assert (gone.at, gone.is_gathered) == (at("2026-11-26T11:00"), True)


@pytest.mark.parametrize(
    ("now", "then"),
    [("2026-11-26T12:59", "2026-11-26T13:00"), ("2026-11-26T13:00", "2026-11-27T13:00")],
)
def test_a_daily_digest_leaves_at_eight_of_the_persons_morning(now: str, then: str) -> None:
    assert leaves(Habits(NEW_YORK, digest=Digest.DAILY), at(now)) == at(then)


def test_a_digest_that_falls_into_quiet_hours_waits_for_their_end() -> None:
    habits = Habits(LISBON, time(22), time(9), Digest.DAILY)
    assert leaves(habits, at("2026-11-26T12:00")) == at("2026-11-27T09:00")


def test_a_reminder_is_not_gathered() -> None:
    now = at("2026-11-26T10:20")
    assert leaves(Habits(LISBON, digest=Digest.DAILY), now, gather=False) == now


def test_equal_ends_are_no_quiet_hours() -> None:
    now = at("2026-11-26T10:20")
    assert leaves(Habits(LISBON, time(8), time(8)), now) == now
