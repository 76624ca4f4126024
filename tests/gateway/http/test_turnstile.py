"""One account's calls: in turn, within the service's limits, and not at all while it is down."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from gateway.http.breaker import CircuitState
from gateway.http.client import Client
from gateway.http.errors import OutsideError
from gateway.http.guard import Guard
from gateway.http.health import health
from gateway.http.health import notices as told
from gateway.http.limits import Account, Limits, Rate
from gateway.http.messages import Answer, Request, RetryClass
from gateway.http.notices import notices
from gateway.http.turnstile import Turnstile
from gateway.lib import cache as caching
from gateway.lib import shared
from gateway.lib.cache import RedisOrMemoryCache
from tests.gateway.lib.test_cache import server

Respond = Callable[..., Any]
ACCOUNT = Account("con_1", Limits(total_s=300, patience_s=5))


@dataclass
class World:
    """A clock that only sleeping and the test move; the shared store reads the same one."""

    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def change(self, key: str, how: shared.Change, *, ttl_s: float) -> Any:
        return shared.change(key, lambda value, _: how(value, self.now), ttl_s=ttl_s)


@pytest.fixture
def world() -> World:
    return World()


def door(peer: Any, world: World, account: Account = ACCOUNT) -> Client:
    return Client(
        guard=Guard.of([peer.host_port]),
        limits=account.limits,
        turnstile=Turnstile(account, world.change),
        sleep=world.sleep,
        clock=world.clock,
        chance=lambda: 0.0,
    )


def limited(**changes: Any) -> Account:
    return replace(ACCOUNT, limits=replace(ACCOUNT.limits, **changes))


def hanging_up(peer: Any, connection: socket.socket) -> None:
    peer.read_request(connection)


def refusal(client: Client, peer: Any, **more: Any) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        client.send(Request("POST", peer.url), **more)
    return caught.value


def test_calls_wait_their_turn(peer: Any, answering: Respond, world: World) -> None:
    peer.scripts = [answering(200)]
    client = door(peer, world, limited(requests=Rate(2, 1, 2)))
    for _ in range(5):
        client.send(Request("POST", peer.url))
    assert world.slept == [0.5, 0.5, 0.5]


def test_a_wait_beyond_patience_leaves_nothing_and_says_when(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [answering(200)]
    client = door(peer, world, limited(requests=Rate(1, 60, 1)))
    client.send(Request("POST", peer.url))
    error = refusal(client, peer)
    assert (error.reason, error.permanent, error.may_have_happened) == (
        "rate_limited",
        False,
        False,
    )
    assert error.retry_after == pytest.approx(60)
    assert "con_1" in error.detail
    assert (peer.accepted, world.slept) == (1, [])
    world.now += 60
    assert client.send(Request("POST", peer.url)).ok


def test_a_wait_beyond_the_deadline_leaves_nothing(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [answering(200)]
    client = door(peer, world, limited(requests=Rate(1, 4, 1)))
    client.send(Request("POST", peer.url))
    assert refusal(client, peer, deadline_s=3).reason == "rate_limited"
    assert client.send(Request("POST", peer.url), deadline_s=10).ok


def test_points_are_counted_beside_calls(peer: Any, answering: Respond, world: World) -> None:
    peer.scripts = [answering(200)]
    client = door(peer, world, limited(requests=Rate(2, 1, 40), points=Rate(50, 1, 1000)))
    client.send(Request("POST", peer.url, points=900))
    client.send(Request("POST", peer.url, points=200))
    assert world.slept == [2.0]
    [seen] = health(limited(requests=Rate(2, 1, 40), points=Rate(50, 1, 1000)))
    assert set(seen.remaining) == {"requests", "points"}


def test_accounts_and_hosts_do_not_share_a_bucket(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [answering(200)]
    slow = limited(requests=Rate(1, 60, 1))
    door(peer, world, slow).send(Request("POST", peer.url))
    assert door(peer, world, replace(slow, key="con_2")).send(Request("POST", peer.url)).ok
    turnstile = Turnstile(slow, world.change)
    elsewhere = turnstile.enter("api.example:443", points=0, patience_s=0, lease_s=30)
    assert elsewhere.wait_s == 0


def test_after_five_failures_nothing_leaves_for_a_minute(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [hanging_up] * 5 + [answering(200)]
    client = door(peer, world)
    for _ in range(5):
        assert refusal(client, peer).may_have_happened
    error = refusal(client, peer)
    assert (error.reason, error.permanent, error.may_have_happened, error.retry_after) == (
        "circuit_open",
        False,
        False,
        60,
    )
    assert "5 times in a row (network)" in error.detail
    assert peer.accepted == 5
    world.now += 60
    assert client.send(Request("POST", peer.url)).ok
    assert client.send(Request("POST", peer.url)).ok


def test_other_processes_see_the_open_circuit_and_the_page_explains_it(
    peer: Any, answering: Respond
) -> None:
    peer.scripts = [answering(500)]

    def another() -> Client:
        return Client(guard=Guard.of([peer.host_port]), turnstile=Turnstile(ACCOUNT))

    for _ in range(5):
        assert another().send(Request("POST", peer.url)).status == 500
    assert refusal(another(), peer).reason == "circuit_open"
    [seen] = health(ACCOUNT)
    assert (seen.host, seen.state, seen.failures) == (peer.host_port, CircuitState.OPEN, 5)
    assert seen.last_error == "http_500"
    assert seen.opens_at is not None
    assert seen.since is not None
    assert (seen.opens_at - seen.since).total_seconds() == 60


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_what_a_service_refuses_never_opens_the_circuit(
    peer: Any, answering: Respond, world: World, status: int
) -> None:
    peer.scripts = [answering(status)]
    client = door(peer, world)
    for _ in range(8):
        assert client.send(Request("POST", peer.url)).status == status
    assert health(ACCOUNT)[0].state == CircuitState.CLOSED


def test_what_the_guard_refuses_says_nothing_about_the_service(peer: Any, world: World) -> None:
    guard = Guard.of([], resolve=lambda host, port: ("10.0.0.1",))
    client = replace(door(peer, world), guard=guard)
    for _ in range(6):
        with pytest.raises(OutsideError) as caught:
            client.send(Request("GET", "https://inside.example/"))
        assert caught.value.reason == "address_refused"


def test_a_service_that_asks_for_a_pause_is_left_alone_by_everybody(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [answering(429, "Retry-After: 60"), answering(200)]
    assert door(peer, world).send(Request("POST", peer.url)).status == 429
    error = refusal(door(peer, world), peer)
    assert (error.reason, error.retry_after) == ("rate_limited", 60)
    assert peer.accepted == 1
    world.now += 58
    assert door(peer, world).send(Request("POST", peer.url)).ok
    assert world.slept == [2]


def test_a_circuit_that_opens_between_tries_does_not_hide_what_the_last_one_was_told(
    peer: Any, answering: Respond, world: World
) -> None:
    peer.scripts = [answering(503)]
    client = door(peer, world, limited(failures=2, attempts=4))
    answer = client.send(Request("GET", peer.url), retry_class=RetryClass.SAFE)
    assert (answer.status, answer.is_uncertain, peer.accepted) == (503, True, 2)


def test_many_threads_take_no_more_than_there_is(peer: Any, answering: Respond) -> None:
    account = limited(requests=Rate(1, 3600, 20), patience_s=0.0)
    turnstile, let_in = Turnstile(account), []

    def calls() -> None:
        for _ in range(10):
            with suppress(OutsideError):
                let_in.append(turnstile.enter("api:443", points=0, patience_s=0, lease_s=1))

    threads = [threading.Thread(target=calls) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 20


def test_a_long_name_has_a_place_of_its_own(world: World) -> None:
    turnstile = Turnstile(limited(requests=Rate(1, 60, 1)), world.change)
    for end in ("a", "b"):
        place = "x" * 240 + f"{end}.example:443"
        assert turnstile.enter(place, points=0, patience_s=0, lease_s=1).wait_s == 0


def test_the_page_counts_by_the_pace_that_the_connector_knew() -> None:
    shopify = limited(requests=Rate(2, 1, 40), points=Rate(50, 1, 1000))
    Turnstile(shopify).enter("shop.example:443", points=100, patience_s=0, lease_s=1)
    [seen] = health(ACCOUNT)
    assert (seen.host, seen.limits) == (
        "shop.example:443",
        {"requests": "2/s, burst 40", "points": "50/s, burst 1000"},
    )
    assert 900 <= seen.remaining["points"] < 1000
    [seen] = health(limited(requests=Rate(1, 1, 10)))
    assert seen.limits["requests"] == "1/s, burst 10"


def test_a_host_that_is_called_all_the_time_stays_on_the_list(world: World) -> None:
    """The list is forgotten after a week without a change, so it has to change each day."""
    turnstile, lasting = Turnstile(ACCOUNT, world.change), []
    for _ in range(20):
        turnstile.enter("api.example:443", points=0, patience_s=0, lease_s=1)
        stored, _ = shared.read("door:con_1")
        lasting.append(stored["api.example:443"]["at"])
        world.now += 12 * 3600 + 1
    assert len(set(lasting)) == 10


def test_all_of_it_is_kept_in_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(prefix="cs-") as short, server(Path(short)):
        kept = RedisOrMemoryCache(f"unix://{Path(short) / 'redis.sock'}", {})
        monkeypatch.setattr(caching._Away, "until", 0.0)
        monkeypatch.setattr(shared, "cache", kept)
        turnstile = Turnstile(limited(requests=Rate(1, 60, 2), failures=2))
        for _ in range(2):
            ticket = turnstile.enter("api:443", points=0, patience_s=0, lease_s=1)
            ticket.done(status=None, reason="timeout")
        ticket.told(notices("GET", {}, Answer(200, {"sunset": "soon"})))
        [seen] = health(turnstile.account)
        assert (seen.state, seen.failures, seen.last_error) == (CircuitState.OPEN, 2, "timeout")
        assert seen.remaining["requests"] < 1
        assert [one.notice.value for one in told(ACCOUNT)] == ["soon"]
        monkeypatch.undo()
        assert health(ACCOUNT) == []
