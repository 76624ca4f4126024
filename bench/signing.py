"""Requests, signed and ready to be written to a socket."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable

Sign = Callable[[str, bytes, bytes], bytes]


def requests(
    path: str, secret: str, *, scheme: str, run: str, size: int, count: int
) -> list[bytes]:
    """So many requests, each with an id of its own: `run` and a number."""
    sign = SCHEMES[scheme]
    return [
        _request(path, run, number, size=size, sign=lambda i, b: sign(secret, i, b))
        for number in range(count)
    ]


def _request(
    path: str, run: str, number: int, *, size: int, sign: Callable[[bytes, bytes], bytes]
) -> bytes:
    event_id = f"msg_{run}_{number}".encode()
    body = b'{"type":"order.created","id":"%b","data":"' % event_id
    body += b"x" * (size - len(body) - 2) + b'"}'
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"User-Agent: bench\r\nAccept: */*\r\nContent-Length: %d\r\n%b\r\n%b"
        % (path.encode(), len(body), sign(event_id, body), body)
    )


def _standard(secret: str, event_id: bytes, body: bytes) -> bytes:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = str(int(time.time())).encode()
    signed = b"%b.%b.%b" % (event_id, stamp, body)
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    return (
        b"webhook-id: %b\r\nwebhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n"
        % (event_id, stamp, signature)
    )  # fmt: skip


def _github(secret: str, event_id: bytes, body: bytes) -> bytes:
    signature = hmac.digest(secret.encode(), body, hashlib.sha256).hex().encode()
    return (
        b"X-GitHub-Event: push\r\nX-GitHub-Delivery: %b\r\nX-Hub-Signature-256: sha256=%b\r\n"
        % (event_id, signature)
    )


SCHEMES: dict[str, Sign] = {"standard": _standard, "github": _github}
