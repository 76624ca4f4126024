"""Recorded exchanges: what is kept, what never is, and that only what was recorded is answered."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus, Secret
from gateway.connectors.registry import connector
from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.http.messages import Request, Sender
from tests.cassettes import HasSecret, recording, replaying
from tests.gateway.conftest import answering, peer

__all__ = ["peer"]
SECRET = "s3cr3t/value+of=theirs"
Respond = Callable[..., Any]


def attempt(sender: Sender, url: str) -> ConnectorRequest:
    config = {"method": "POST", "url": f"{url}/orders", "body": {"n": "{n}"}}
    rendered = connector("http").render(config, "request", {"n": 1})
    return ConnectorRequest(
        sender, Secret("bearer", SECRET), config, "request", {"n": 1}, rendered, "act_1", 5, "cor_1"
    )


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "orders.json"


def test_a_connector_ends_the_same_way_from_the_cassette_as_from_the_service(
    peer: Any, tape: Path
) -> None:
    peer.scripts = [answering(201, "Content-Type: application/json", body=b'{"id": 7}')]
    door = client(allow=[peer.host_port])
    with recording(tape, door, secrets=[SECRET]) as recorder:
        seen = connector("http").execute(attempt(recorder, peer.url))
    with replaying(tape) as player:
        again = connector("http").execute(attempt(player, peer.url))
    assert len(peer.requests) == 1
    assert (again.status, again.result) == (seen.status, seen.result)
    assert again.status == OutcomeStatus.SUCCEEDED


def test_nothing_secret_is_written(peer: Any, tape: Path) -> None:
    both = json.dumps({"access_token": "anything", "echo": f"you sent {SECRET}", "id": 7}).encode()
    peer.scripts = [answering(200, f"Set-Cookie: session={SECRET}", f"X-Echo: {SECRET}", body=both)]
    packed = base64.b64encode(SECRET.encode()).decode()
    request = Request(
        "POST",
        f"{peer.url}/login?api_key=other-secret&page=2",
        {"Authorization": f"Bearer {SECRET}", "X-Packed": packed, "X-Api-Version": "2026-10"},
        json.dumps({"password": "hunter2", "note": SECRET}).encode(),
    )
    with recording(tape, client(allow=[peer.host_port]), secrets=[SECRET]) as recorder:
        recorder.send(request)
    text = tape.read_text(encoding="utf-8")
    for hidden in (SECRET, packed, "other-secret", "hunter2", "anything", "Bearer", "session"):
        assert hidden not in text
    assert '"x-api-version": "2026-10"' in text
    assert '"id": 7' in text


def test_a_file_that_would_still_hold_a_secret_is_not_written(peer: Any, tape: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    peer.scripts = [answering(200, body=json.dumps({"note": f"use {token}"}).encode())]
    with (
        pytest.raises(HasSecret),
        recording(tape, client(allow=[peer.host_port]), secrets=[]) as recorder,
    ):
        recorder.send(Request("GET", peer.url))
    assert not tape.exists()


def test_a_secret_in_an_address_or_among_bytes_is_masked_and_matched_when_replayed(
    peer: Any, tape: Path
) -> None:
    peer.scripts = [answering(200, body=b"\xff" + SECRET.encode())]
    hook = f"{peer.url}/hooks/T0-theirs"
    with recording(tape, client(allow=[peer.host_port]), secrets=[SECRET, "T0-theirs"]) as recorder:
        recorder.send(Request("POST", hook))
    assert "theirs" not in tape.read_text(encoding="utf-8")
    with replaying(tape, secrets=["T0-ours"]) as player:
        assert player.send(Request("POST", f"{peer.url}/hooks/T0-ours")).body == b"\xff[secret]"


def test_a_lost_answer_is_replayed_as_what_it_was(peer: Any, tape: Path) -> None:
    peer.scripts = [lambda peer, connection: peer.read_request(connection)]
    request = Request("POST", peer.url, {}, b"{}")
    with (
        recording(tape, client(allow=[peer.host_port]), secrets=[SECRET]) as recorder,
        pytest.raises(OutsideError),
    ):
        recorder.send(request)
    with replaying(tape) as player, pytest.raises(OutsideError) as caught:
        player.send(request)
    assert (caught.value.reason, caught.value.may_have_happened) == ("network", True)


@pytest.fixture
def recorded(peer: Any, tape: Path) -> Request:
    peer.scripts = [answering(200, body=b"first"), answering(200, body=b"second")]
    request = Request("POST", peer.url, {}, b'{"b": 1, "a": 2}')
    with recording(tape, client(allow=[peer.host_port]), secrets=[SECRET]) as recorder:
        recorder.send(request)
        recorder.send(request)
    return request


def test_equal_requests_are_answered_in_their_order(recorded: Request, tape: Path) -> None:
    with replaying(tape) as player:
        same = replace(recorded, body=b'{"a":2,"b":1}')
        assert [player.send(same).body for _ in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize(
    "change", [{"method": "PUT"}, {"url": "http://other.example/"}, {"body": b'{"a": 3}'}]
)
def test_what_was_not_recorded_is_not_answered(
    recorded: Request, tape: Path, change: dict[str, Any]
) -> None:
    with (
        pytest.raises(AssertionError, match="is not on the cassette"),
        replaying(tape) as player,
    ):
        player.send(replace(recorded, **change))


def test_what_was_recorded_and_never_asked_for_is_told(recorded: Request, tape: Path) -> None:
    with pytest.raises(AssertionError, match="never asked for"), replaying(tape) as player:
        player.send(recorded)
