"""Signs of life."""

from gateway.lib import heartbeat


def test_who_never_beat_is_not_there() -> None:
    assert not heartbeat.alive("worker")


def test_a_beat_is_one_kinds_own_and_ends_with_a_goodbye() -> None:
    heartbeat.beat("worker")
    assert heartbeat.alive("worker")
    assert not heartbeat.alive("scheduler")
    heartbeat.stop("worker")
    assert not heartbeat.alive("worker")
