"""Periods: which window of time an amount counts in, by the tenant's clock (pure)."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.lib.tongue import gettext_noop

# What a budget may be renewed by, and how a person calls it.
PERIODS = {
    "minute": gettext_noop("a minute"),
    "hour": gettext_noop("an hour"),
    "day": gettext_noop("a day"),
    "month": gettext_noop("a month"),
    "run": gettext_noop("a run"),
    "total": gettext_noop("altogether"),
}
RATE = "minute"
_STEPS = {"minute": dt.timedelta(minutes=1), "hour": dt.timedelta(hours=1)}


@dataclass(frozen=True, slots=True)
class Window:
    """One period: its key, and when the next one begins; None where none ever does."""

    key: str
    ends_at: dt.datetime | None = None


def window(period: str, *, now: dt.datetime, time_zone: str, run: str = "") -> Window | None:
    """The window of `period` that `now` (aware) lies in; None for a run's where there is no run.

    Days and months begin at midnight of the tenant's zone. Minutes and hours carry their offset
    from UTC, so that the hour that a clock shows twice in autumn is two windows.
    """
    if period == "total":
        return Window("total")
    if period == "run":
        return Window(run) if run else None
    local = now.astimezone(ZoneInfo(time_zone))
    if period in _STEPS:
        return _short(period, local)
    if period == "day":
        day = local.date()
        return Window(day.isoformat(), _midnight(day + dt.timedelta(days=1), local.tzinfo))
    first = local.date().replace(day=1)
    after = (first + dt.timedelta(days=31)).replace(day=1)
    return Window(first.strftime("%Y-%m"), _midnight(after, local.tzinfo))


def windows(
    *, now: dt.datetime, time_zone: str, run: str = "", period: str = ""
) -> dict[str, Window]:
    """The present window of every period that has one, or only of the one named."""
    found = {
        name: window(name, now=now, time_zone=time_zone, run=run)
        for name in PERIODS
        if period in ("", name)
    }
    return {name: there for name, there in found.items() if there is not None}


def _short(period: str, local: dt.datetime) -> Window:
    begin = local.replace(second=0, microsecond=0)
    if period == "hour":
        begin = begin.replace(minute=0)
    text = begin.strftime("%Y-%m-%dT%H:%M%z" if period == "minute" else "%Y-%m-%dT%H%z")
    # In UTC, because a local clock may be set between the window's two ends.
    return Window(text, begin.astimezone(dt.UTC) + _STEPS[period])


def _midnight(day: dt.date, zone: dt.tzinfo | None) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)
