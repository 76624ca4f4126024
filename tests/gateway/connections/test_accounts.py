"""A connection's own limits at the door."""

import pytest

from gateway.connections.accounts import account_of
from gateway.connections.limits import LIMITS
from gateway.connections.models import Connection
from gateway.http.limits import Limits, Rate


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("end", ["least", "most"])
def test_the_door_takes_every_limit_that_people_may_set(name: str, end: str) -> None:
    value = getattr(LIMITS[name], end)
    account_of(Connection(limits={name: int(value) if LIMITS[name].is_whole else value}))


@pytest.mark.parametrize("limit", [one for one in LIMITS.values() if one.default is not None])
def test_the_defaults_that_a_page_shows_are_the_doors_own(limit) -> None:
    assert getattr(Limits(), limit.name) == limit.default


def test_its_own_limits_win_over_what_the_connector_knows() -> None:
    connection = Connection(limits={"rate_per_s": 1, "open_s": 30})
    account = account_of(connection, {"requests": "2/s, burst 40", "points": "50/s, burst 1000"})
    assert account.key == connection.public_id
    assert account.limits.requests == Rate(1, 1, 40)
    assert (account.limits.points, account.limits.open_s) == (Rate(50, 1, 1000), 30)
