"""A rule sees exactly the facts that were handed in, at the hour of the tenant's clocks."""

import datetime as dt
from zoneinfo import ZoneInfoNotFoundError

import pytest

from approvals.policy.facts import build
from approvals.policy.rules import VARIABLES

NOW = dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC)


def facts(**more):
    parts = {"args": {}, "tool": {}, "agent": {}, "env": {}, "now": NOW, "time_zone": "UTC"}
    return build(**{**parts, **more})


def test_facts_are_exactly_the_variables_of_a_rule():
    assert set(facts()) == set(VARIABLES)


@pytest.mark.parametrize(
    ("zone", "hour", "minute", "weekday", "is_weekend", "date"),
    [
        ("UTC", 23, 30, 7, True, "2026-11-22"),
        ("Europe/Berlin", 0, 30, 1, False, "2026-11-23"),
        ("Asia/Kolkata", 5, 0, 1, False, "2026-11-23"),
        ("America/New_York", 18, 30, 7, True, "2026-11-22"),
    ],
)
def test_time_is_that_of_the_tenant(zone, hour, minute, weekday, is_weekend, date):
    time = facts(time_zone=zone)["time"]
    assert time["now"] == "2026-11-22T23:30:00Z"
    assert (time["hour"], time["minute"], time["weekday"]) == (hour, minute, weekday)
    assert (time["is_weekend"], time["date"]) == (is_weekend, date)


def test_later_changes_by_the_caller_do_not_reach_the_facts():
    args = {"lines": [{"amount": 1}]}
    built = facts(args=args)
    args["lines"][0]["amount"] = 900
    assert built["args"] == {"lines": [{"amount": 1}]}


@pytest.mark.parametrize("args", [{"a": Ellipsis}, {"a": b"x"}, {1: "a"}, {"a": {2}}], ids=repr)
def test_what_is_no_json_is_refused(args):
    with pytest.raises(TypeError):
        facts(args=args)


def test_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        facts(now=NOW.replace(tzinfo=None))


def test_unknown_zone_is_refused():
    with pytest.raises(ZoneInfoNotFoundError):
        facts(time_zone="Mars/Olympus")
