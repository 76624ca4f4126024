"""What both entrances allow before a request reaches an application, and how they refuse the rest.

A request is refused by its head where that is possible, else while its body comes in. The answer is
sent at once; the connection is read on for a moment, because one that is closed on unread bytes is
reset, and a sender that is still sending might never see the answer (RFC 9112, section 9.6).
"""

import json
from http import HTTPStatus
from typing import Any

MAX_HEADERS = 100
# The request line and all headers.
MAX_HEAD_BYTES = 32 * 1024
# For a whole request, from its first byte: a time for each byte would let slow ones stay.
RECEIVE_S = 30
LINGER_S = 2
LINGER_BYTES = 16 * 1024 * 1024
# Not allowed in a header's value, and taken for line breaks by Python's `str.splitlines`.
NOT_IN_HEADERS = b"\x0b\x0c\x1c\x1d\x1e\x85"
WEBHOOKS = b"/webhooks/"


def answer(
    status: HTTPStatus, body: dict[str, Any], *, media_type: str = "application/json"
) -> bytes:
    """A whole answer as it travels, after which the connection ends."""
    content = json.dumps(body, separators=(",", ":")).encode()
    return (
        f"HTTP/1.1 {status} {status.phrase}\r\n"
        f"content-type: {media_type}\r\n"
        f"content-length: {len(content)}\r\n"
        "connection: close\r\n\r\n"
    ).encode() + content


BAD_REQUEST = answer(HTTPStatus.BAD_REQUEST, {"error": "bad_request"})
HEAD_TOO_LARGE = answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, {"error": "headers_too_large"})
BODY_TOO_LARGE = answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "too_large"})
