"""The exact request for block 3 of the card: what is sent, with secrets masked."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from approvals.models import Action
from approvals.services.masking import shown_arguments, shown_request
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
    rendered, shown = action.rendered_value, shown_request(action)
    if rendered is None or shown is None:
        body, is_masked = _either(action.arguments, action.arguments_value, shown_arguments(action))
        return Request("", "", "", "", (), body, is_masked, is_gone=not action.arguments)
    if rendered.get("kind") != "http":
        body, is_masked = _either(action.rendered, rendered, shown)
        return Request("", "", "", "", (), body, is_masked)
    return _http(rendered, shown)


def _http(rendered: dict[str, Any], shown: dict[str, Any]) -> Request:
    url = shown["url"]
    host = urlsplit(rendered["url"]).netloc
    before, _, after = url.partition(host) if host else (url, "", "")
    headers = tuple(sorted((shown.get("headers") or {}).items()))
    return Request(
        rendered["method"], before, host, after, headers, _body(shown), shown != rendered
    )


def _body(request: dict[str, Any]) -> str:
    return request.get("body") or request.get("body_base64") or ""


def _either(text: str, value: Any, safe: Any) -> tuple[str, bool]:
    """The text byte for byte where nothing in it is masked, else what may be shown of it."""
    return (text, False) if safe == value else (canonical(safe).decode(), True)
