"""The exact request for block 3 of the card: what is sent, with secrets masked."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from approvals.models import Action
from approvals.services.masking import in_request, masked
from audit.canonical import canonical
from gateway.lib.visible import Span, reveal


@dataclass(frozen=True)
class Request:
    """The rendered request in the parts that a reader looks for."""

    method: str
    before_host: str
    host: str
    after_host: str
    headers: tuple[tuple[str, str], ...]
    body: str
    is_masked: bool
    is_gone: bool = False

    @property
    def url(self) -> str:
        """The whole address."""
        return self.before_host + self.host + self.after_host

    @property
    def sha256(self) -> str:
        """The digest of the payload that is shown."""
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self.body.encode())

    @property
    def is_json(self) -> bool:
        """Whether the payload is shown with line breaks of ours."""
        return self.body.startswith(("{", "["))

    @property
    def marks(self) -> tuple[Span, ...]:
        """Everything in address, headers and payload that hides from the eye."""
        text = "\n".join([self.url, *(f"{n}: {v}" for n, v in self.headers), self.body])
        return tuple(span for span in reveal(text) if span.kind != "text")


def request_of(action: Action) -> Request:
    """The stored request; of a refused call its arguments, where they had one meaning."""
    sensitive = tuple(action.tool_version.sensitive) if action.tool_version else ()
    rendered = action.rendered_value
    if rendered is None:
        body, masked = _masked(action.arguments, sensitive)
        return Request("", "", "", "", (), body, masked, is_gone=not action.arguments)
    if rendered.get("kind") != "http":
        body, masked = _masked(action.rendered, tuple(in_request(sensitive)))
        return Request("", "", "", "", (), body, masked)
    return _http(rendered, sensitive)


def _http(rendered: dict[str, Any], sensitive: tuple[str, ...]) -> Request:
    url = rendered["url"]
    host = urlsplit(url).netloc
    before, _, after = url.partition(host) if host else (url, "", "")
    body, masked = _masked(rendered.get("body") or rendered.get("body_base64") or "", sensitive)
    headers = tuple(sorted((rendered.get("headers") or {}).items()))
    return Request(rendered["method"], before, host, after, headers, body, masked)


def _masked(text: str, sensitive: tuple[str, ...]) -> tuple[str, bool]:
    """The text with secret members masked; text without any is returned byte for byte."""
    try:
        value = json.loads(text)
    except ValueError:
        return text, False
    safe = masked(value, sensitive)
    return (text, False) if safe == value else (canonical(safe).decode(), True)
