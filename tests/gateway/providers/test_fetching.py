"""Thin events are looked up at their provider, over real HTTP, with care for what comes back."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.http.client import client
from gateway.http.errors import OutsideError
from gateway.providers import registry
from gateway.providers.base import (
    Fetcher,
    ProviderRequest,
    RunStatus,
    StartRequest,
    ToolAnswer,
    Unparsable,
)

THIN: dict[str, dict[str, Any]] = {
    "generic": {"event": "run.tool_required", "run_id": "r 1"},
    "openai": {"type": "response.completed", "data": {"id": "resp_1"}},
    "anthropic": {"type": "event", "data": {"type": "session.running", "id": "sess_1"}},
    "stripe": {"object": "v2.core.event", "id": "evt_1"},
}
PATHS = {
    "generic": "/v1/runs/r%201",
    "openai": "/v1/responses/resp_1",
    "anthropic": "/v1/sessions/sess_1",
    "stripe": "/v2/core/events/evt_1",
}
NAMES = sorted(THIN)


def adapter(name: str) -> Fetcher:
    found = registry.fetcher(name)
    assert found is not None
    return found


def raw(body: object) -> bytes:
    return json.dumps(body).encode()


def request_to(peer: Any, **fields: Any) -> ProviderRequest:
    made = ProviderRequest(
        client=client(allow=[peer.host_port]),
        base_url=peer.url,
        api_key="the-key",
        correlation_id="cor_1",
        idempotency_key="idem-1",
    )
    return replace(made, **fields)


def fetched(peer: Any, name: str, body: object, **fields: Any) -> bytes:
    return adapter(name).fetch(request_to(peer, **fields), raw(body))


def sent(peer: Any) -> list[tuple[str, dict[str, str]]]:
    """First lines and headers of all that arrived."""
    found = []
    for request in peer.requests:
        first, *lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        found.append((first, {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_a_thin_event_names_is_read_byte_for_byte(
    peer: Any, answering: Callable[..., Any], name: str
) -> None:
    content = b'{ "id" : "x" , "big": 12345678901234567890, "e": "\xc3\xa9" }'
    peer.scripts = [answering(200, body=content)]

    assert adapter(name).is_thin(raw(THIN[name]))
    found = fetched(peer, name, THIN[name])
    assert found == (content if name != "stripe" else b'{"event":' + content + b"}")
    ((first, headers),) = sent(peer)
    assert first == f"GET {PATHS[name]} HTTP/1.1"
    assert headers["x-correlation-id"] == "cor_1"
    if name == "anthropic":
        assert (headers["x-api-key"], headers["anthropic-version"]) == ("the-key", "2023-06-01")
        assert "authorization" not in headers
    else:
        assert headers["authorization"] == "Bearer the-key"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [(401, True), (403, True), (404, True), (408, False), (429, False), (500, False), (503, False)],
)
def test_refusals_say_whether_asking_again_can_help(
    peer: Any, answering: Callable[..., Any], name: str, status: int, is_permanent: bool
) -> None:
    peer.scripts = [answering(status, "Retry-After: 7", body=b"secret words")]

    with pytest.raises(OutsideError) as caught:
        fetched(peer, name, THIN[name])
    error = caught.value
    assert (error.status, error.permanent, error.retry_after) == (status, is_permanent, 7)
    assert "secret" not in error.detail
    assert len(peer.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"\xff\xfe"])
def test_answer_that_is_not_json_may_pass(
    peer: Any, answering: Callable[..., Any], body: bytes
) -> None:
    peer.scripts = [answering(200, body=body)]

    with pytest.raises(OutsideError) as caught:
        fetched(peer, "openai", THIN["openai"])
    assert (caught.value.reason, caught.value.permanent) == ("bad_answer", False)


def test_answer_that_is_too_long_is_not_asked_for_again(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200, body=b'"' + b"x" * 1_100_000 + b'"')]

    with pytest.raises(OutsideError) as caught:
        fetched(peer, "openai", THIN["openai"])
    assert (caught.value.reason, caught.value.permanent) == ("too_large", True)


def test_slow_provider_is_not_waited_for_longer_than_asked(peer: Any) -> None:
    def silent(peer: Any, connection: socket.socket) -> None:
        peer.read_request(connection)
        peer.done.wait(10)

    peer.scripts = [silent]
    with pytest.raises(OutsideError) as caught:
        fetched(peer, "openai", THIN["openai"], deadline_s=0.2)
    peer.done.set()
    assert (caught.value.reason, caught.value.permanent) == ("timeout", False)


def test_base_address_may_name_the_version(peer: Any, answering: Callable[..., Any]) -> None:
    peer.scripts = [answering(200)]
    fetched(peer, "openai", THIN["openai"], base_url=f"{peer.url}/v1/")

    assert sent(peer)[0][0] == "GET /v1/responses/resp_1 HTTP/1.1"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("response.failed", "/v1/responses/x"),
        ("batch.completed", "/v1/batches/x"),
        ("fine_tuning.job.succeeded", "/v1/fine_tuning/jobs/x"),
        ("agent.session.action_required", "/v1/agents/sessions/x"),
    ],
)
def test_openai_objects_are_read_where_they_are(
    peer: Any, answering: Callable[..., Any], kind: str, path: str
) -> None:
    peer.scripts = [answering(200)]
    fetched(peer, "openai", {"type": kind, "data": {"id": "x"}})

    ((first, headers),) = sent(peer)
    assert first == f"GET {path} HTTP/1.1"
    assert headers.get("openai-beta") == ("agents=v1" if "agent" in kind else None)


def test_openai_evaluation_is_read_only_where_the_event_names_it(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200)]
    bare = {"type": "eval.run.failed", "data": {"id": "run_1"}}
    named = {"type": "eval.run.failed", "data": {"id": "run_1", "eval_id": "eval_1"}}

    assert not adapter("openai").is_thin(raw(bare))
    assert adapter("openai").is_thin(raw(named))
    fetched(peer, "openai", named)
    assert sent(peer)[0][0] == "GET /v1/evals/eval_1/runs/run_1 HTTP/1.1"


def test_anthropic_session_that_stopped_is_read_with_its_last_events(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200, body=b'{"id": 1}'), answering(200, body=b'{"data": []}')]
    found = fetched(
        peer, "anthropic", {"type": "event", "data": {"type": "session.status_idled", "id": "s"}}
    )

    assert found == b'{"session":{"id": 1},"events":{"data": []}}'
    assert [first for first, _ in sent(peer)] == [
        "GET /v1/sessions/s HTTP/1.1",
        "GET /v1/sessions/s/events?limit=50&order=desc HTTP/1.1",
    ]


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"type": "deployment_run.failed", "id": "d"}, "/v1/deployment_runs/d"),
        (
            {"type": "vault_credential.refresh_failed", "id": "c", "vault_id": "v"},
            "/v1/vaults/v/credentials/c",
        ),
    ],
)
def test_anthropic_objects_are_read_where_they_are(
    peer: Any, answering: Callable[..., Any], data: dict[str, str], path: str
) -> None:
    peer.scripts = [answering(200)]
    fetched(peer, "anthropic", {"type": "event", "data": data})

    assert sent(peer)[0][0] == f"GET {path} HTTP/1.1"


def test_stripe_event_is_read_with_its_object_in_its_account(
    peer: Any, answering: Callable[..., Any]
) -> None:
    peer.scripts = [answering(200, body=b'{"id":"evt_1"}'), answering(200, body=b'{"id":"m"}')]
    found = fetched(
        peer,
        "stripe",
        THIN["stripe"]
        | {"context": "acct_1", "related_object": {"url": "/v1/billing/meters/mtr_1"}},
    )

    assert json.loads(found) == {"event": {"id": "evt_1"}, "related_object": {"id": "m"}}
    (_, first), (line, second) = sent(peer)
    assert line == "GET /v1/billing/meters/mtr_1 HTTP/1.1"
    assert first["stripe-context"] == second["stripe-context"] == "acct_1"
    assert first["stripe-version"]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("openai", {"type": "response.completed", "data": {"id": "../keys"}}),
        ("openai", {"type": "response.completed", "data": {"id": ".."}}),
        ("openai", {"type": "response.completed", "data": {"id": "a/b"}}),
        ("openai", {"type": "response.completed", "data": {"id": "a?b"}}),
        ("openai", {"type": "response.completed", "data": {"id": ""}}),
        ("openai", {"type": "weather.changed", "data": {"id": "x"}}),
        ("anthropic", {"data": {"type": "session.idled", "id": "a\r\nx: y"}}),
        ("anthropic", {"data": {"type": "vault_credential.created", "id": "c"}}),
        ("stripe", {"object": "v2.core.event", "id": 5}),
        ("generic", {"event": "run.tool_required"}),
    ],
)
def test_what_names_nothing_that_can_be_read_leaves_nothing_sent(
    peer: Any, answering: Callable[..., Any], name: str, body: object
) -> None:
    peer.scripts = [answering(200)]

    with pytest.raises(Unparsable):
        fetched(peer, name, body)
    assert peer.requests == []


@pytest.mark.parametrize(
    "url",
    ["http://evil/", "//evil/v1", "/v1/../admin", "/v1/a?b=c", "/admin", "/v1/a/..", "/v1/a b", 5],
)
def test_stripe_object_is_read_only_at_a_plain_address(
    peer: Any, answering: Callable[..., Any], url: object
) -> None:
    peer.scripts = [answering(200)]

    with pytest.raises(Unparsable):
        fetched(peer, "stripe", THIN["stripe"] | {"related_object": {"url": url}})
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("generic", {"event": "run.completed", "run_id": "r1", "output": 5}),
        ("generic", {"event": "run.tool_required", "run_id": "r1", "tool_call": {"name": "a"}}),
        ("openai", {"type": "realtime.call.incoming", "data": {"call_id": "c"}}),
        ("openai", {"type": "response.completed"}),
        ("anthropic", {"data": {"type": "session.deleted", "id": "s"}}),
        ("anthropic", {"data": {"type": "external_key.failed", "id": "e"}}),
        ("stripe", {"object": "event", "id": "evt_1", "data": {}}),
    ],
)
def test_complete_events_are_not_looked_up(name: str, body: object) -> None:
    assert not adapter(name).is_thin(raw(body))


@pytest.mark.parametrize("payload", [b"", b"[]", b"no json", b"\xff", b'{"a":1,"a":2}'])
@pytest.mark.parametrize("name", NAMES)
def test_odd_content_is_not_thin(name: str, payload: bytes) -> None:
    assert not adapter(name).is_thin(payload)


def test_generic_run_that_was_fetched_is_read_like_a_webhook() -> None:
    generic = registry.provider("generic")
    assert adapter("generic").is_thin(b'{"event":"run.completed","run_id":"r1","thin":true}')

    update = generic.parse(
        raw({"run_id": "r1", "status": "tool_required",
             "tool_call": {"id": "c1", "name": "refund", "arguments": {}}})
    )  # fmt: skip
    assert update is not None
    assert (update.run_id, update.status, update.event) == (
        "r1", RunStatus.TOOL_REQUIRED, "run.tool_required",
    )  # fmt: skip
    assert [call.name for call in update.calls] == ["refund"]
    assert generic.parse(raw({"run_id": "r1", "status": "queued"})) is None


@pytest.mark.parametrize("name", ["openai", "anthropic", "stripe"])
def test_what_is_not_built_says_so_and_calls_nobody(peer: Any, name: str) -> None:
    found, request = registry.provider(name), request_to(peer)
    calls: list[Callable[[], object]] = [
        lambda: found.start(request, StartRequest("run_1", "task")),
        lambda: found.submit_result(request, "r", ToolAnswer("c")),
        lambda: found.cancel(request, "r"),
    ]
    for call in calls:
        with pytest.raises(OutsideError, match="yet") as caught:
            call()
        assert (caught.value.reason, caught.value.permanent) == ("not_supported", True)
    with pytest.raises(Unparsable, match="add a route"):
        found.parse(b"{}")
    assert peer.accepted == 0


def test_only_adapters_that_can_fetch_are_asked() -> None:
    assert registry.fetcher("fake") is None
    assert registry.fetcher("nobody") is None
