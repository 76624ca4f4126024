"""Files in a workspace: uploaded, or fetched there from an address.

Settings: `workspace`, its id; `folder`, `root` by default; `base_url`, Fast.io's by default;
`import_hosts`, the hosts that may be imported from (without it any public one, at port 443).
Connection: `bearer`.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from gateway.connectors.base import Affected, ConnectorRequest, Outcome, OutcomeStatus, Preview
from gateway.connectors.calls import PREVIEW_ATTEMPTS, PREVIEW_DEADLINE_S, perform
from gateway.connectors.files import names
from gateway.connectors.files.content import Content, body, content_of
from gateway.connectors.files.operations import IMPORT
from gateway.connectors.rest import base_url
from gateway.http.errors import OutsideError
from gateway.http.messages import Answer, Request, RetryClass
from gateway.tools.render import RenderError, check_http_config

API = "https://api.fast.io/current"
SETTINGS = frozenset({"base_url", "workspace", "folder", "import_hosts"})
ABSENT = frozenset({404, 410})
_ID = re.compile(r"[A-Za-z0-9-]{1,60}")
_HOST = re.compile(r"[a-z0-9.-]{1,253}")


def check(config: Mapping[str, Any]) -> None:
    """Raises RenderError for settings that name no place."""
    base_url(config, API)
    for name, value in (("workspace", config.get("workspace")), ("folder", _folder(config))):
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise RenderError(name, f"the id of a {name} is needed")
    hosts = config.get("import_hosts", [])
    if not isinstance(hosts, list) or not all(
        isinstance(host, str) and _HOST.fullmatch(host) for host in hosts
    ):
        raise RenderError("import_hosts", "a list of host names is needed")


def render(
    config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """The exact request without token."""
    check(config)
    name = names.name("name", arguments.get("name"))
    if operation == IMPORT:
        form = {
            "source_url": _source(config, arguments.get("source_url")),
            "profile_id": config["workspace"],
            "profile_type": "workspace",
            "folder_id": _folder(config),
            "file_name": name,
        }
        return _rendered(
            config, "/web_upload/", "application/x-www-form-urlencoded", {"body": urlencode(form)}
        )
    content = content_of(arguments)
    fields = {
        "name": name,
        "size": str(len(content.raw)),
        "action": "create",
        "instance_id": config["workspace"],
        "folder_id": _folder(config),
        "profile_type": "workspace",
    }
    # The same content makes the same request: rendering is pure.
    boundary = f"part-{hashlib.sha256(content.raw).hexdigest()[:40]}"
    raw = _multipart(fields, name, content, boundary=boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    return _rendered(config, "/upload/", kind, body(raw, is_text=content.is_text))


def preview(request: ConnectorRequest) -> Preview:
    """What will be there; of an address, what is found there now."""
    name = str(request.arguments.get("name"))
    place = f"{request.config['workspace']}/{_folder(request.config)}/{name}"
    affected = (Affected("file", place),)
    if request.operation == IMPORT:
        found = _looked_at(request)
        before = {"source": found}
        return Preview(before, {"file": name, "source": found}, affected, datetime.now(UTC))
    facts = {"file": name, **content_of(request.arguments).facts}
    return Preview({"file": None}, facts, affected, datetime.now(UTC))


def execute(request: ConnectorRequest) -> Outcome:
    """Send it once; an address that our own guard refuses is not handed on."""
    if request.operation == IMPORT:
        try:
            found = _looked_at(request)
        except OutsideError as error:
            return Outcome(OutcomeStatus.FAILED, error=error.detail, reason=error.reason,
                           retryable=not error.permanent)  # fmt: skip
        if found["status"] in ABSENT:
            return Outcome(OutcomeStatus.FAILED, reason="source_missing",
                           error="There is nothing at this address.")  # fmt: skip
    return perform(request, judge=_judged)


def _judged(answer: Answer, outcome: Outcome) -> Outcome:
    """The outcome as the envelope says it: `result` yes or no, under whatever status."""
    if not answer.ok:
        return outcome
    said = outcome.result if isinstance(outcome.result, Mapping) else {}
    verdict = said.get("result")
    if verdict in ("yes", True):
        kept = {key: value for key, value in said.items() if key != "result"}
        return replace(outcome, result=kept.get("response", kept))
    if verdict in ("no", False):
        error = said.get("error")
        words = error.get("text") if isinstance(error, Mapping) else None
        return replace(
            outcome, status=OutcomeStatus.FAILED, result=None, reason="refused",
            error=f"The workspace refused: {str(words or 'without a reason')[:300]}",
            may_have_happened=False, retryable=False,
        )  # fmt: skip
    return replace(
        outcome, status=OutcomeStatus.UNKNOWN, result=None, reason="bad_answer",
        error="The workspace's answer cannot be read.", may_have_happened=True, retryable=False,
    )  # fmt: skip


def _looked_at(request: ConnectorRequest) -> dict[str, Any]:
    """What stands at the address, asked without any credential; raises OutsideError.

    An agent chose it, before anybody judged the call: only a host that the tool names may be one
    that the operator opened. The workspace fetches it from its own network later: that it finds the
    same there is its own affair.
    """
    url = str(request.arguments["source_url"])
    is_named = _host(url) in (request.config.get("import_hosts") or ())
    try:
        answer = request.client.send(
            Request("HEAD", url, is_strangers=not is_named), retry_class=RetryClass.SAFE,
            attempts=PREVIEW_ATTEMPTS, deadline_s=min(request.deadline_s, PREVIEW_DEADLINE_S),
        )  # fmt: skip
    except OutsideError as error:
        error.may_have_happened = False
        raise
    names_of = {"type": "content-type", "size": "content-length", "etag": "etag",
                "leads_to": "location"}  # fmt: skip
    facts = {name: answer.headers.get(header) for name, header in names_of.items()}
    return {"url": url, "status": answer.status, **facts}


def _source(config: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("https://") or "{" in value:
        raise RenderError("source_url", "an address that begins with https:// is needed")
    try:
        check_http_config({"method": "GET", "url": value}, {})
    except RenderError as error:
        raise RenderError("source_url", error.message) from error
    host = _host(value)
    hosts = config.get("import_hosts")
    if hosts and host not in hosts:
        raise RenderError("source_url", f"this tool may not import from {host}")
    return value


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _folder(config: Mapping[str, Any]) -> Any:
    return config.get("folder", "root")


def _rendered(
    config: Mapping[str, Any], path: str, kind: str, held: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "kind": "http", "method": "POST", "url": base_url(config, API) + path,
        "headers": {"Content-Type": kind}, **held,
    }  # fmt: skip


def _multipart(fields: Mapping[str, str], name: str, content: Content, *, boundary: str) -> bytes:
    start = f"--{boundary}\r\nContent-Disposition: form-data; name="
    parts = [f'{start}"{field}"\r\n\r\n{value}\r\n'.encode() for field, value in fields.items()]
    head = f'{start}"chunk"; filename="{name}"\r\nContent-Type: {content.kind}\r\n\r\n'
    return b"".join([*parts, head.encode(), content.raw, f"\r\n--{boundary}--\r\n".encode()])
