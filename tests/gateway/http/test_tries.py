"""When a call is tried again, and what its end says about the tries before."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.http.guard import Guard
from gateway.http.limits import Limits
from gateway.http.messages import Request, RetryClass
from gateway.http.status import refused
from tests.gateway.http.making import Sleeper, closing, make

Respond = Callable[..., Any]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("retry_class", [RetryClass.SAFE, RetryClass.IDEMPOTENT])
def test_passing_statuses_are_tried_again_with_growing_waits(
    peer: Any, answering: Respond, status: int, retry_class: RetryClass
) -> None:
    sleeper = Sleeper()
    peer.scripts = [answering(status), answering(status), answering(200)]
    assert make(peer, sleeper).send(Request("PUT", peer.url), retry_class=retry_class).ok
    assert sleeper.slept == [2.0, 3.5]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 410, 422, 501])
def test_final_statuses_are_never_tried_again(peer: Any, answering: Respond, status: int) -> None:
    peer.scripts = [answering(status), answering(200)]
    answer = make(peer).send(Request("GET", peer.url), retry_class=RetryClass.SAFE)
    assert (answer.status, peer.accepted) == (status, 1)


def test_an_unsafe_call_that_was_answered_is_never_tried_again(
    peer: Any, answering: Respond
) -> None:
    peer.scripts = [answering(503), answering(200)]
    assert make(peer).send(Request("POST", peer.url)).status == 503
    assert peer.accepted == 1


def test_an_idempotent_call_is_tried_again_after_a_broken_connection(
    peer: Any, answering: Respond
) -> None:
    peer.scripts = [closing, answering(200)]
    door = make(peer)
    assert door.send(Request("POST", peer.url), retry_class=RetryClass.IDEMPOTENT).ok
    assert peer.accepted == 2


def test_an_unsafe_call_is_tried_again_where_nothing_had_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sleeper = Sleeper()
    door = client(allow=[f"127.0.0.1:{port}"], sleep=sleeper.sleep)
    with pytest.raises(OutsideError):
        door.send(Request("POST", f"http://127.0.0.1:{port}/"), attempts=3)
    assert len(sleeper.slept) == 2


def test_a_wait_that_the_other_side_asks_for_is_honoured(peer: Any, answering: Respond) -> None:
    sleeper = Sleeper()
    peer.scripts = [answering(429, "Retry-After: 7"), answering(200)]
    assert make(peer, sleeper).send(Request("GET", peer.url), retry_class=RetryClass.SAFE).ok
    assert sleeper.slept == [7.0]


def test_a_wait_beyond_the_deadline_is_handed_to_the_caller(peer: Any, answering: Respond) -> None:
    sleeper = Sleeper()
    peer.scripts = [answering(503, "Retry-After: 3600")]
    answer = make(peer, sleeper).send(Request("GET", peer.url), retry_class=RetryClass.SAFE)
    assert (answer.status, answer.retry_after, sleeper.slept) == (503, 3600.0, [])


def test_repeating_stays_within_the_deadline(peer: Any, answering: Respond) -> None:
    sleeper = Sleeper()
    peer.scripts = [answering(500)]
    make(peer, sleeper).send(
        Request("GET", peer.url), retry_class=RetryClass.SAFE, deadline_s=6, attempts=50
    )
    assert sleeper.slept == [2.0, 3.5]


def test_an_earlier_try_that_may_have_happened_is_not_forgotten(
    peer: Any, answering: Respond
) -> None:
    """The last try cannot even connect: nothing of it has left, but of the first one it has."""
    addresses = [("127.0.0.1",), ()]
    guard = Guard.of(
        [f"shop.example:{peer.port}"],
        resolve=lambda host, port: addresses.pop(0) if len(addresses) > 1 else addresses[0],
    )
    peer.scripts = [closing]
    with pytest.raises(OutsideError) as caught:
        make(peer, guard=guard).send(
            Request("POST", f"http://shop.example:{peer.port}/"),
            retry_class=RetryClass.IDEMPOTENT, attempts=2,
        )  # fmt: skip
    assert (caught.value.reason, caught.value.may_have_happened) == ("name_unresolved", True)


def test_a_refusal_after_a_try_that_may_have_happened_says_so(
    peer: Any, answering: Respond
) -> None:
    peer.scripts = [closing, answering(409)]
    answer = make(peer).send(Request("POST", peer.url), retry_class=RetryClass.IDEMPOTENT)
    assert (answer.status, answer.is_uncertain) == (409, True)
    assert refused(answer, service="It").may_have_happened


def test_every_try_carries_the_same_key_and_correlation_id(peer: Any, answering: Respond) -> None:
    peer.scripts = [closing, answering(503), answering(200)]
    headers = {"Idempotency-Key": "act_1", "X-Correlation-ID": "cor_1", "X-Api-Version": "2026-10"}
    request = Request("POST", peer.url, headers, b"{}")
    assert make(peer).send(request, retry_class=RetryClass.IDEMPOTENT).ok
    assert len(peer.requests) == 3
    assert len(set(peer.requests)) == 1
    for name, value in headers.items():
        assert f"{name}: {value}".encode() in peer.requests[0]


def test_a_callers_deadline_only_shortens_the_accounts(peer: Any, answering: Respond) -> None:
    sleeper = Sleeper()
    peer.scripts = [answering(500)]
    make(peer, sleeper, limits=Limits(total_s=6)).send(
        Request("GET", peer.url), retry_class=RetryClass.SAFE, deadline_s=60, attempts=50
    )
    assert sleeper.slept == [2.0, 3.5]
