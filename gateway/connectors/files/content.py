"""What a file holds: text as it is, anything else in base64; its size and its hash (pure)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.tools.render import RenderError

# Arguments as a whole are smaller than that, so this is what an agent can send at all.
MAX_BYTES = 180_000
TEXT, BINARY = "text/plain; charset=utf-8", "application/octet-stream"
_KIND = re.compile(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}(; ?charset=[a-z0-9-]{1,20})?")

SCHEMA: dict[str, Any] = {
    "text": {"type": "string", "maxLength": MAX_BYTES, "description": "The content, as UTF-8."},
    "base64": {"type": "string", "maxLength": MAX_BYTES * 4 // 3 + 4},
    "content_type": {"type": "string", "maxLength": 150},
    "sha256": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "The content's hash, where you know it; another content is refused.",
    },
}


@dataclass(frozen=True)
class Content:
    """The bytes of a file; `is_text` where they came as text."""

    raw: bytes
    kind: str
    is_text: bool

    @property
    def sha256(self) -> str:
        """The SHA-256, in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def facts(self) -> dict[str, Any]:
        """What a reviewer compares."""
        return {"size": len(self.raw), "sha256": self.sha256, "content_type": self.kind}


def content_of(arguments: Mapping[str, Any]) -> Content:
    """The content that the arguments give; raises RenderError where there is none, or two."""
    text, encoded = arguments.get("text"), arguments.get("base64")
    if (text is None) == (encoded is None):
        raise RenderError("text", "either text or base64 is needed")
    raw = _utf8(text) if encoded is None else _decoded(encoded)
    if len(raw) > MAX_BYTES:
        raise RenderError("text", f"the content is larger than {MAX_BYTES} bytes")
    kind = arguments.get("content_type") or (TEXT if encoded is None else BINARY)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise RenderError("content_type", "a type such as text/csv is needed")
    content = Content(raw, kind, encoded is None)
    claimed = arguments.get("sha256")
    if claimed is not None and claimed != content.sha256:
        raise RenderError("sha256", f"the content's hash is {content.sha256}")
    return content


def body(raw: bytes, *, is_text: bool) -> dict[str, str | None]:
    """The members of a rendered request that hold these bytes."""
    if is_text:
        return {"body": raw.decode()}
    return {"body": None, "body_base64": base64.b64encode(raw).decode()}


def _utf8(text: Any) -> bytes:
    if not isinstance(text, str):
        raise RenderError("text", "a text is needed")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise RenderError("text", "the text holds half characters") from error


def _decoded(encoded: Any) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RenderError("base64", "this is no base64") from error
