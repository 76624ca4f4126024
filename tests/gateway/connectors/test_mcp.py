"""MCP: one call of one tool, in both eras, and no guess about what became of it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, OutcomeStatus, Secret, Unknown
from gateway.connectors.mcp import protocol
from gateway.connectors.mcp.connector import VOUCHED, McpConnector
from gateway.tools.drafts import from_mcp
from gateway.tools.render import RenderError
from tests.doubles.mcp_server import TOKEN, McpServer, mcp_server

MCP = McpConnector()
ERAS = ("2026-07-28", "2025-06-18")
Make = Callable[..., ConnectorRequest]


@pytest.fixture(scope="module", params=[False, True], ids=["stream", "json"])
def running(request: pytest.FixtureRequest) -> Iterator[McpServer]:
    with mcp_server(as_json=request.param) as server:
        yield server


@pytest.fixture
def server(running: McpServer) -> McpServer:
    for kept in (running.effects, running.asked):
        kept.clear()
    running.loses, running.needs_token, running.ended_sessions = 0, False, 0
    return running


@pytest.fixture
def ask(attempt: Make) -> Make:
    def make(
        server: Any, tool: str, arguments: dict[str, Any], *, era: str = "auto", **more: Any
    ) -> ConnectorRequest:
        url = more.pop("url", server.url)
        config = {"url": url, "tool": tool, "protocol": era, **more.pop("config", {})}
        return attempt("mcp", "call_tool", config, arguments, allow=server.host_port, **more)

    return make


@pytest.mark.parametrize("era", ["auto", *ERAS])
def test_a_tool_is_called_once_and_its_structured_result_kept(
    server: McpServer, ask: Make, era: str
) -> None:
    outcome = MCP.execute(ask(server, "write_note", {"text": "hello"}, era=era, key="act_7"))
    assert outcome.status is OutcomeStatus.SUCCEEDED, outcome.error
    assert outcome.result == {"id": 1, "text": "hello"}
    assert server.effects == ["hello"]
    assert server.methods().count("tools/call") == 1
    headers, body = server.asked[-1]
    assert body["params"]["_meta"]["countersign/idempotency_key"] == "act_7"
    assert headers["accept"] == "application/json, text/event-stream"


def test_the_newer_protocol_needs_no_session(server: McpServer, ask: Make) -> None:
    MCP.execute(ask(server, "say", {"text": "x"}))
    assert server.methods() == ["server/discover", "tools/call"]
    headers, _ = server.asked[-1]
    assert (headers["mcp-protocol-version"], headers["mcp-method"]) == (ERAS[0], "tools/call")
    assert headers["mcp-name"] == "say"
    assert "mcp-session-id" not in headers


def test_the_older_one_opens_a_session_and_ends_it(server: McpServer, ask: Make) -> None:
    MCP.execute(ask(server, "say", {"text": "x"}, era="2025-06-18"))
    assert server.methods() == ["initialize", "notifications/initialized", "tools/call"]
    headers, _ = server.asked[-1]
    assert headers["mcp-protocol-version"] == "2025-06-18"
    assert headers["mcp-session-id"]
    assert "mcp-method" not in headers
    assert server.ended_sessions == 1


@pytest.mark.parametrize("era", ERAS)
def test_what_a_tool_says_without_structure_is_its_content(
    server: McpServer, ask: Make, era: str
) -> None:
    outcome = MCP.execute(ask(server, "say", {"text": "ä"}, era=era))
    (part,) = outcome.result["content"]
    assert (part["type"], part["text"]) == ("text", "You said ä")


@pytest.mark.parametrize("side_effect", ["", "write", "destructive"])
@pytest.mark.parametrize("era", ERAS)
def test_a_tool_that_fails_says_why_and_not_what_it_did_before(
    server: McpServer, ask: Make, era: str, side_effect: str
) -> None:
    outcome = MCP.execute(ask(server, "pay", {"amount": 5}, era=era, side_effect=side_effect))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "tool_error")
    assert outcome.error.startswith("Error executing tool pay")
    assert (outcome.may_have_happened, outcome.retryable, outcome.result) == (True, False, None)
    assert server.effects == [5]


@pytest.mark.parametrize(
    ("config", "side_effect"),
    [({}, "read"), ({VOUCHED: True}, "write"), ({VOUCHED: False}, "read")],
)
@pytest.mark.parametrize("era", ERAS)
def test_a_reading_that_fails_did_nothing_and_neither_did_a_tool_that_was_vouched_for(
    server: McpServer, ask: Make, era: str, config: dict[str, Any], side_effect: str
) -> None:
    request = ask(server, "refuse", {}, era=era, config=config, side_effect=side_effect)
    outcome = MCP.execute(request)
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "tool_error")
    assert "The notebook is full." in outcome.error
    assert (outcome.may_have_happened, outcome.result) == (False, None)


@pytest.mark.parametrize("side_effect", ["read", "write"])
def test_who_vouches_for_errors_vouches_for_nothing_else(
    peer: Any, answering: Any, ask: Make, side_effect: str
) -> None:
    asks = {"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required"}}
    vouched = {"config": {VOUCHED: True}, "side_effect": side_effect}
    outcome = call(peer, ask, scripted(answering, 200, asks), **vouched)
    is_open = side_effect != "read"
    assert (outcome.status is OutcomeStatus.UNKNOWN, outcome.may_have_happened) == (is_open,) * 2
    broken = call(peer, ask, scripted(answering, 200, failure(-32603)), **vouched)
    assert broken.status is OutcomeStatus.UNKNOWN


@pytest.mark.parametrize("era", ERAS)
def test_an_unknown_tool_and_wrong_arguments_change_nothing(
    server: McpServer, ask: Make, era: str
) -> None:
    for tool, arguments in (("nonesuch", {}), ("write_note", {"text": 5, "more": []})):
        outcome = MCP.execute(ask(server, tool, arguments, era=era))
        # Some servers say so as they say that a tool failed: then only a person can tell.
        is_open = outcome.reason == "tool_error"
        assert outcome.status is (OutcomeStatus.UNKNOWN if is_open else OutcomeStatus.FAILED)
        assert outcome.error
    assert server.effects == []


@pytest.mark.parametrize("era", ERAS)
def test_an_answer_lost_after_the_tool_ran_leaves_it_unknown(
    server: McpServer, ask: Make, era: str
) -> None:
    server.loses = 1
    outcome = MCP.execute(ask(server, "write_note", {"text": "once"}, era=era))
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.UNKNOWN, True)
    assert server.effects == ["once"]


def test_the_token_goes_with_every_message_and_nowhere_else(server: McpServer, ask: Make) -> None:
    server.needs_token = True
    for era in ("auto", *ERAS):
        request = ask(server, "say", {"text": "x"}, era=era, secret=Secret("bearer", TOKEN))
        assert TOKEN not in json.dumps(request.rendered)
        assert MCP.execute(request).status is OutcomeStatus.SUCCEEDED
        refused = MCP.execute(replace(request, secret=None))
        assert (refused.status, refused.reason) == (OutcomeStatus.FAILED, "http_401")
        assert not refused.may_have_happened


def test_a_refused_token_is_renewed(server: McpServer, ask: Make) -> None:
    server.needs_token = True
    request = ask(server, "write_note", {"text": "x"}, secret=Secret("bearer", "expired"))
    outcome = MCP.execute(replace(request, renew=lambda: Secret("bearer", TOKEN)))
    assert (outcome.status, server.effects) == (OutcomeStatus.SUCCEEDED, ["x"])


def test_a_long_result_is_cut_to_text(server: McpServer, ask: Make) -> None:
    outcome = MCP.execute(ask(server, "shout", {"times": 100_000}))
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert len(outcome.result["text"]) == protocol.MAX_RESULT // 4


def test_a_result_beyond_what_is_read_leaves_it_unknown(server: McpServer, ask: Make) -> None:
    outcome = MCP.execute(ask(server, "shout", {"times": 2_000_000}))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "bad_answer")
    assert "longer than we read" in outcome.error


def scripted(answering: Any, status: int, body: Any, *headers: str) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answering(status, "Content-Type: application/json", *headers, body=raw)


def call(peer: Any, ask: Make, script: Any, **more: Any) -> Any:
    peer.scripts = [script]
    return MCP.execute(ask(peer, "x", {}, era=ERAS[0], **more))


def failure(code: int, message: str = "no") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "end", "reason"),
    [
        (200, failure(-32602), OutcomeStatus.FAILED, "invalid_arguments"),
        (400, failure(-32020), OutcomeStatus.FAILED, "header_mismatch"),
        (400, failure(-32022), OutcomeStatus.FAILED, "unsupported_version"),
        (200, failure(-32603), OutcomeStatus.UNKNOWN, "server_error"),
        (200, failure(-1), OutcomeStatus.UNKNOWN, "server_error"),
        (200, {"jsonrpc": "2.0", "id": 1, "error": "x"}, OutcomeStatus.UNKNOWN, "server_error"),
        (500, failure(-32603), OutcomeStatus.UNKNOWN, "http_500"),
        (404, failure(-1), OutcomeStatus.FAILED, "http_404"),
        (404, b"nothing here", OutcomeStatus.FAILED, "http_404"),
        (429, b"slow down", OutcomeStatus.FAILED, "http_429"),
        (502, b"bad gateway", OutcomeStatus.UNKNOWN, "http_502"),
        (302, b"", OutcomeStatus.UNKNOWN, "http_302"),
        (202, b"", OutcomeStatus.UNKNOWN, "bad_answer"),
        (200, b"<html>", OutcomeStatus.UNKNOWN, "bad_answer"),
        (200, b"[" * 100_000, OutcomeStatus.UNKNOWN, "bad_answer"),
        (200, {"jsonrpc": "2.0", "id": 2, "result": {}}, OutcomeStatus.UNKNOWN, "bad_answer"),
        (200, {"jsonrpc": "2.0", "id": 1, "result": []}, OutcomeStatus.UNKNOWN, "bad_answer"),
        (
            200,
            {"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required"}},
            OutcomeStatus.UNKNOWN,
            "input_required",
        ),
        (
            200,
            {"jsonrpc": "2.0", "id": 1, "result": {"resultType": "task", "taskId": "t"}},
            OutcomeStatus.UNKNOWN,
            "goes_on",
        ),
    ],
)
def test_each_answer_is_reported_as_what_is_known(
    peer: Any, answering: Any, ask: Make, status: int, body: Any, end: OutcomeStatus, reason: str
) -> None:
    outcome = call(peer, ask, scripted(answering, status, body))
    assert (outcome.status, outcome.reason) == (end, reason)
    assert outcome.may_have_happened is (end is OutcomeStatus.UNKNOWN)
    assert peer.accepted == 1


def test_what_else_comes_on_the_stream_is_passed_over(peer: Any, answering: Any, ask: Make) -> None:
    lines = [
        ": a comment",
        'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}',
        "",
        'data: {"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}',
        "",
        "id: 7",
        'data: {"jsonrpc":"2.0","id":1,',
        'data: "result":{"content":[],"structuredContent":{"a":1}}}',
        "",
        "",
    ]
    for end in ("\n", "\r\n", "\r"):
        body = end.join(lines).encode()
        peer.scripts = [answering(200, "Content-Type: text/event-stream; charset=utf-8", body=body)]
        outcome = MCP.execute(ask(peer, "x", {}, era=ERAS[0]))
        assert (outcome.status, outcome.result) == (OutcomeStatus.SUCCEEDED, {"a": 1})


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b"no session"), (404, b""), (405, b""), (200, failure(-32601)),
     (200, {"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": ["2025-11-25"]}})],
)  # fmt: skip
def test_a_server_of_the_older_era_is_recognised(
    peer: Any, answering: Any, ask: Make, status: int, body: Any
) -> None:
    session = "Mcp-Session-Id: s-1"
    opened = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}
    done = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
    peer.scripts = [
        scripted(answering, status, body),
        scripted(answering, 200, opened, session),
        scripted(answering, 202, b""),
        scripted(answering, 200, done),
        scripted(answering, 405, b""),
    ]
    outcome = MCP.execute(ask(peer, "x", {}))
    assert outcome.status is OutcomeStatus.SUCCEEDED
    assert [raw.split(b" ")[0] for raw in peer.requests] == [b"POST"] * 4 + [b"DELETE"]
    assert all(b"Mcp-Session-Id: s-1" in raw for raw in peer.requests[2:])
    assert b"MCP-Protocol-Version: 2025-11-25" in peer.requests[3]


@pytest.mark.parametrize(
    ("status", "body", "retryable"),
    [(503, b"later", True), (429, b"", True), (401, b"", False), (200, b"<html>", False)],
)
def test_a_handshake_that_fails_has_called_nothing(
    peer: Any, answering: Any, ask: Make, status: int, body: bytes, retryable: bool
) -> None:
    peer.scripts = [scripted(answering, status, body)]
    outcome = MCP.execute(ask(peer, "x", {}))
    assert (outcome.status, outcome.may_have_happened) == (OutcomeStatus.FAILED, False)
    assert outcome.retryable is retryable
    assert peer.accepted == 1


def test_a_server_of_an_unknown_version_is_not_called(peer: Any, answering: Any, ask: Make) -> None:
    opened = {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "1999-01-01"}}
    peer.scripts = [scripted(answering, 200, opened)]
    outcome = MCP.execute(ask(peer, "x", {}, era="2025-06-18"))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "unsupported_version")
    assert peer.accepted == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"url": "mcp.example"}, "url"),
        ({"url": None}, "url"),
        ({"url": "https://{host}/mcp"}, "url"),
        ({"tool": ""}, "tool"),
        ({"tool": "a\nb"}, "tool"),
        ({"protocol": "2024-11-05"}, "protocol"),
        ({"trusted": True}, "trusted"),
        ({VOUCHED: "yes"}, VOUCHED),
        ({VOUCHED: 1}, VOUCHED),
    ],
)
def test_settings_are_judged_when_a_tool_is_saved(change: dict[str, Any], named: str) -> None:
    config = {"url": "https://mcp.example/mcp/", "tool": "look"}
    MCP.check("call_tool", config, {})
    MCP.check("call_tool", {**config, VOUCHED: True}, {})
    with pytest.raises(RenderError, match=named):
        MCP.check("call_tool", {**config, **change}, {})
    with pytest.raises(Unknown):
        MCP.check("look", config, {})


def test_the_address_is_called_as_it_is_written() -> None:
    config = {"url": "https://mcp.example/mcp/", "tool": "look"}
    rendered = MCP.render(config, "call_tool", {"a": 1})
    assert (rendered["url"], rendered["tool"]) == ("https://mcp.example/mcp/", "look")
    assert rendered["arguments"] == {"a": 1}


def test_a_name_that_is_no_header_is_wrapped() -> None:
    said = protocol.headers("tools/call", version=ERAS[0], name="suche_ähnliche")
    assert said["Mcp-Name"] == "=?base64?c3VjaGVfw6RobmxpY2hl?="


def test_an_imported_tool_is_one_that_can_be_called(server: McpServer, ask: Make) -> None:
    listed = {"tools": [{"name": "say", "inputSchema": {"type": "object"}}]}
    (draft,) = from_mcp(listed, server=server.url)
    definition = draft.definition
    assert definition["connector"] == "mcp"
    MCP.check(definition["operation"], definition["config"], definition["input_schema"])
