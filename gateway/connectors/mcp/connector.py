"""Calls one tool of an upstream MCP server, over streamable HTTP.

Settings: `url` of the server, `tool` by its upstream name, `protocol`: `auto` (the default) asks
the server, `2026-07-28` and `2025-06-18` do not. `errors_mean_not_done` is an administrator's word
that the tool did nothing where it reports an error; without it such a call is unknown, unless the
tool is a read. Connection: `bearer`, or none.

What a server says about its own tools (annotations) is not read here: it judges nothing. That a
tool is described otherwise than before is found where tools are imported.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from audit.canonical import NotCanonical, canonical
from gateway.connectors.base import ConnectorRequest, Operation, Outcome, OutcomeStatus, Preview
from gateway.connectors.calls import perform
from gateway.connectors.mcp import protocol
from gateway.connectors.mcp.protocol import (
    CALL,
    DISCOVER,
    INITIALIZE,
    INITIALIZED,
    MODERN,
    SESSIONS,
)
from gateway.connectors.operations import by_name, found
from gateway.connectors.rest import check_fields
from gateway.http.messages import Answer, RetryClass
from gateway.tools.render import RenderError, check_http_config

CALL_TOOL = "call_tool"
AUTO = "auto"
VOUCHED = "errors_mean_not_done"
SETTINGS = frozenset({"url", "tool", "protocol", VOUCHED})
MAX_NAME = 128
# Statuses with which a server says that it does not know the newer protocol.
UNKNOWN_ERA = frozenset({400, 404, 405, 406, 415, 501})
GOODBYE_S = 2.0
LEAST_S = 1.0


@dataclass(frozen=True)
class _Way:
    """How the server is spoken to: the version, and the session where it opened one."""

    version: str
    session: str = ""

    @property
    def is_modern(self) -> bool:
        return self.version == MODERN


class _Refused(Exception):
    """The handshake failed; the tool was not called."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.error)
        self.outcome = outcome


class McpConnector:
    """One call: a handshake that changes nothing, then the tool, once."""

    name = "mcp"
    operations = by_name(
        Operation(
            CALL_TOOL,
            "Call a tool of an MCP server",
            side_effect="destructive",
            retry_class=RetryClass.UNSAFE,
            documentation="https://modelcontextprotocol.io/specification/",
            proof="`tests/gateway/connectors/test_mcp.py`, against `mcp` 2.3.0's own server in "
            "both eras, and a scripted one",
        )
    )

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        found(self.operations, operation, connector=self.name)
        check_fields(config, SETTINGS)
        _url(config)
        _tool(config)
        if config.get("protocol", AUTO) not in (AUTO, MODERN, SESSIONS[0]):
            raise RenderError("protocol", f"{AUTO}, {MODERN} or {SESSIONS[0]}")
        if not isinstance(config.get(VOUCHED, False), bool):
            raise RenderError(VOUCHED, "true or false")

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Server, tool and arguments; pure."""
        found(self.operations, operation, connector=self.name)
        try:
            canonical(arguments)
        except NotCanonical as error:
            raise RenderError("arguments", str(error)) from error
        tool = _tool(config)
        return {
            "kind": "mcp", "method": f"{CALL} {tool}", "url": _url(config), "tool": tool,
            "arguments": dict(arguments),
        }  # fmt: skip

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """None: MCP has no way to ask what a call would change."""
        return None

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Find out how to speak to the server, then call the tool once."""
        ends_at = monotonic() + request.deadline_s
        try:
            way = _way(request, ends_at)
        except _Refused as error:
            return error.outcome
        params = {
            "name": request.rendered["tool"],
            "arguments": request.rendered["arguments"],
            "_meta": {protocol.KEY: request.idempotency_key},
        }
        outcome, _ = _post(request, CALL, params, way=way, ends_at=ends_at)
        _goodbye(request, way, ends_at)
        return outcome


def _url(config: Mapping[str, Any]) -> str:
    """The server's address exactly as it is: a slash at its end may matter."""
    url = config.get("url")
    if not isinstance(url, str) or "{" in url:
        raise RenderError("url", "the address of the MCP server is needed")
    check_http_config({"method": "POST", "url": url}, {})
    return url


def _tool(config: Mapping[str, Any]) -> str:
    tool = config.get("tool")
    if not isinstance(tool, str) or not 0 < len(tool) <= MAX_NAME or not tool.isprintable():
        raise RenderError("tool", "the tool's name at the server is needed")
    return tool


def _way(request: ConnectorRequest, ends_at: float) -> _Way:
    asked = request.config.get("protocol", AUTO)
    if asked == MODERN or (asked == AUTO and _is_modern(request, ends_at)):
        return _Way(MODERN)
    return _opened(request, ends_at)


def _is_modern(request: ConnectorRequest, ends_at: float) -> bool:
    """Whether the server knows the newer protocol; raises _Refused where it does not answer."""
    way = _Way(MODERN)
    outcome, answer = _post(request, DISCOVER, {}, way=way, ends_at=ends_at)
    said = protocol.reply(answer) if answer else None
    result = (said or {}).get("result")
    if answer is not None and answer.ok and isinstance(result, Mapping):
        versions = result.get("supportedVersions")
        return isinstance(versions, list) and MODERN in versions
    if answer is not None and (answer.status in UNKNOWN_ERA or (answer.ok and said)):
        return False
    raise _Refused(_not_called(outcome))


def _opened(request: ConnectorRequest, ends_at: float) -> _Way:
    """A session of the older protocol."""
    params = {"protocolVersion": SESSIONS[0], "capabilities": {}, "clientInfo": protocol.CLIENT}
    outcome, answer = _post(request, INITIALIZE, params, way=_Way(""), ends_at=ends_at)
    said = protocol.reply(answer) if answer else None
    result = (said or {}).get("result")
    if answer is None or not answer.ok or not isinstance(result, Mapping):
        raise _Refused(_not_called(outcome))
    version = result.get("protocolVersion")
    if version not in SESSIONS:
        raise _Refused(
            Outcome(
                OutcomeStatus.FAILED, reason="unsupported_version",
                error=f"The server speaks {str(version)[:40]!r}; we speak {', '.join(SESSIONS)}.",
            )
        )  # fmt: skip
    way = _Way(str(version), protocol.session_id(answer))
    _post(request, INITIALIZED, {}, way=way, ends_at=ends_at)
    return way


def _post(
    request: ConnectorRequest, method: str, params: Mapping[str, Any], *, way: _Way, ends_at: float
) -> tuple[Outcome, Answer | None]:
    """One message and its answer, where there is one."""
    answers: list[Answer] = []

    def judge(answer: Answer, outcome: Outcome) -> Outcome:
        answers.append(answer)
        return protocol.judged(
            answer, outcome, only_reads=request.only_reads,
            is_vouched=request.config.get(VOUCHED) is True,
        )  # fmt: skip

    rendered = {
        "method": "POST",
        "url": request.rendered["url"],
        "headers": protocol.headers(
            method, version=way.version, session=way.session, name=str(params.get("name", ""))
        ),
        "body": protocol.message(method, params, is_modern=way.is_modern),
    }
    left_s = ends_at - monotonic()
    if left_s < LEAST_S:
        late = Outcome(OutcomeStatus.FAILED, reason="timeout", error="The server is too slow.",
                       retryable=True)  # fmt: skip
        return late, None
    outcome = perform(replace(request, rendered=rendered, deadline_s=left_s), judge=judge)
    return outcome, answers[-1] if answers else None


def _goodbye(request: ConnectorRequest, way: _Way, ends_at: float) -> None:
    """End the session; a server that minds lets it lapse."""
    left_s = min(GOODBYE_S, ends_at - monotonic())
    if way.session and left_s > 0:
        rendered = {
            "method": "DELETE", "url": request.rendered["url"], "body": None,
            "headers": protocol.headers("", version=way.version, session=way.session),
        }  # fmt: skip
        perform(replace(request, rendered=rendered, deadline_s=left_s, renew=None))


def _not_called(outcome: Outcome) -> Outcome:
    """Whatever became of a handshake, it changed nothing."""
    if outcome.status is OutcomeStatus.SUCCEEDED:
        outcome = replace(outcome, error="The server's handshake cannot be read.")
    reason = outcome.reason or "bad_answer"
    retryable = outcome.retryable or reason == "timeout"
    return replace(
        outcome, status=OutcomeStatus.FAILED, result=None, reason=reason, may_have_happened=False,
        retryable=retryable,
    )  # fmt: skip
