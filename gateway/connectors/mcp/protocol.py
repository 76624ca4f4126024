"""MCP's messages, as written and as read (pure).

Two eras: since 2026-07-28 every request stands alone and says of itself what it is; before, a
session is opened first.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from audit.canonical import canonical
from gateway.connectors.base import Outcome, OutcomeStatus
from gateway.http.messages import Answer
from gateway.lib.strictjson import Ambiguous, parse

MODERN = "2026-07-28"
# The first is the one we ask for; a server may answer with another one.
SESSIONS = ("2025-06-18", "2025-11-25", "2025-03-26")
CLIENT = {"name": "countersign", "version": "0.1.0"}
CALL, DISCOVER, INITIALIZE = "tools/call", "server/discover", "initialize"
INITIALIZED = "notifications/initialized"
ID = 1
KEY = "countersign/idempotency_key"
MAX_WORDS = 1000
MAX_RESULT = 64_000
_META = "io.modelcontextprotocol/"
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_SESSION_ID = re.compile(r"[\x21-\x7e]{1,500}")
STATUSES_FIRST = frozenset({401, 403, 429})
# The server's word that it did not run the tool.
NOT_RUN = {
    -32700: "not_understood",
    -32600: "not_understood",
    -32601: "no_such_method",
    -32602: "invalid_arguments",
    -32020: "header_mismatch",
    -32021: "missing_capability",
    -32022: "unsupported_version",
    -32042: "needs_a_person",
}


def message(method: str, params: Mapping[str, Any], *, is_modern: bool) -> str:
    """A request, or a notification where the method is one, as canonical JSON."""
    if is_modern:
        meta = {
            f"{_META}protocolVersion": MODERN,
            f"{_META}clientInfo": CLIENT,
            # We answer no questions of the server's: nobody would have approved the answers.
            f"{_META}clientCapabilities": {},
        }
        params = {**params, "_meta": {**params.get("_meta", {}), **meta}}
    body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
    if method != INITIALIZED:
        body["id"] = ID
    return canonical(body).decode()


def headers(method: str, *, version: str = "", session: str = "", name: str = "") -> dict[str, str]:
    """What every request says outside of its body."""
    said = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    if version:
        said["MCP-Protocol-Version"] = version
    if version == MODERN:
        said["Mcp-Method"] = method
        if name:
            said["Mcp-Name"] = _header_value(name)
    if session:
        said["Mcp-Session-Id"] = session
    return said


def session_id(answer: Answer) -> str:
    """The session that a server opened; empty where it opened none, or one we cannot send."""
    value = answer.headers.get("mcp-session-id", "")
    return value if _SESSION_ID.fullmatch(value) else ""


def reply(answer: Answer) -> Mapping[str, Any] | None:
    """The response to our request, alone or among the events of a stream; None where it is none."""
    if answer.headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream":
        texts = _events(answer.body.decode("utf-8", errors="replace"))
    else:
        texts = iter((answer.body.decode("utf-8", errors="replace"),))
    for text in texts:
        found = _object(text)
        # Progress, logs and questions of the server's come on the same stream.
        if found is not None and found.get("id") == ID and ("result" in found or "error" in found):
            return found
    return None


def judged(
    answer: Answer, outcome: Outcome, *, only_reads: bool = False, is_vouched: bool = False
) -> Outcome:
    """What became of a called tool. Never more sure than the server is.

    `is_vouched` says that an administrator knows that a tool which reports an error did nothing.
    """
    found = reply(answer)
    if found is None:
        return outcome if not answer.ok else _no_reply(answer, outcome)
    if "error" in found:
        return _refused(found["error"], answer, outcome)
    if not answer.ok or not isinstance(found["result"], Mapping):
        return outcome if not answer.ok else _no_reply(answer, outcome)
    return _ended(found["result"], outcome, only_reads=only_reads, is_vouched=is_vouched)


def _ended(
    result: Mapping[str, Any], outcome: Outcome, *, only_reads: bool, is_vouched: bool
) -> Outcome:
    kind = result.get("resultType", "complete")
    if kind == "input_required":
        words = "The tool asks a person for something before it goes on; nothing here answers it."
        return _stopped(outcome, "input_required", words, is_harmless=only_reads)
    if kind != "complete":
        return replace(
            outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="goes_on",
            error=f"The server goes on working and tells the result later ({str(kind)[:40]}).",
            may_have_happened=True,
        )  # fmt: skip
    if result.get("isError") is True:
        words = _words(result.get("content")) or "The tool failed and does not say why."
        return _stopped(outcome, "tool_error", words, is_harmless=only_reads or is_vouched)
    return replace(outcome, result=_kept(result))


def _refused(error: Any, answer: Answer, outcome: Outcome) -> Outcome:
    code = error.get("code") if isinstance(error, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else None
    words = str(said)[:MAX_WORDS] if isinstance(said, str) and said else f"Error {code}."
    reason = NOT_RUN.get(code) if isinstance(code, int) else None
    if not answer.ok and (reason is None or answer.status in STATUSES_FIRST):
        # The status says it: 401 has a credential renewed, after a 5xx nobody knows.
        return replace(outcome, error=words)
    if reason is not None:
        return _failed(outcome, reason, words)
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="server_error",
        error=f"The server failed within the call: {words}", may_have_happened=True,
        retryable=False,
    )  # fmt: skip


def _failed(outcome: Outcome, reason: str, words: str) -> Outcome:
    return replace(
        outcome, status=OutcomeStatus.FAILED, result=None, reason=reason, error=words,
        may_have_happened=False, retryable=False,
    )  # fmt: skip


def _stopped(outcome: Outcome, reason: str, words: str, *, is_harmless: bool) -> Outcome:
    """The tool had begun: what it did before it stopped, only somebody who knows it can say.

    Servers make every exception within a tool such an error, a lost answer of the service that
    the tool itself had called too.
    """
    if is_harmless:
        return _failed(outcome, reason, words)
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason=reason, error=words,
        may_have_happened=True, retryable=False,
    )  # fmt: skip


def _no_reply(answer: Answer, outcome: Outcome) -> Outcome:
    words = "longer than we read" if answer.truncated else "no answer to our call"
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="bad_answer",
        error=f"The server took the call; what it sent is {words}.", may_have_happened=True,
        retryable=False,
    )  # fmt: skip


def _kept(result: Mapping[str, Any]) -> Any:
    """The structured result, which the tool's output schema describes; else the content."""
    kept = result.get("structuredContent")
    if kept is None:
        kept = {"content": result.get("content", [])}
    text = json.dumps(kept, ensure_ascii=False)
    try:
        return parse(text, max_bytes=MAX_RESULT)
    except Ambiguous:
        return {"text": text[: MAX_RESULT // 4]}


def _words(content: Any) -> str:
    parts = content if isinstance(content, list) else []
    texts = [p.get("text") for p in parts if isinstance(p, Mapping) and p.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))[:MAX_WORDS]


def _events(text: str) -> Iterator[str]:
    """The data of each event of a stream; one that the stream's end cut off is left out."""
    data: list[str] = []
    for line in re.split(r"\r\n|\n|\r", text):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))


def _object(text: str) -> dict[str, Any] | None:
    """The envelope need not be strict JSON: what is kept of it is checked apart."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _header_value(text: str) -> str:
    if _PLAIN.fullmatch(text) and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="
