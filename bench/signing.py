"""Requests, signed and ready to be written to a socket."""

import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from functools import lru_cache

Sign = Callable[[str, bytes, bytes], bytes]
# As dense as what GitHub sends about a push: a key or a value every 24 bytes.
LINE = (
    b'{"id":%d,"sku":"SKU-%08d","title":"Enamel mug with a wooden lid, 350 ml, dishwasher-safe",'
    b'"image":"https://cdn.shop.example/products/enamel-mug/front-1200x1200.png?v=1790000000",'
    b'"url":"https://shop.example/products/enamel-mug?variant=blue","price":"%d.00"},'
)
TAIL = b'{}],"note":""}}'


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
    body = _order(event_id, size)
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"User-Agent: bench\r\nAccept: */*\r\nContent-Length: %d\r\n%b\r\n%b"
        % (path.encode(), len(body), sign(event_id, body), body)
    )


def _order(event_id: bytes, size: int) -> bytes:
    """An order of exactly so many bytes: as many lines as fit, and the rest as a note.

    Receivers parse JSON, and of one long text that costs a third of what a real body costs.
    """
    head = b'{"type":"order.created","id":"%b","data":{"lines":[' % event_id
    lines = _lines(max(0, size - len(head) - len(TAIL)))
    return head + lines + TAIL[:-3] + b"x" * (size - len(head) - len(lines) - len(TAIL)) + TAIL[-3:]


@lru_cache(maxsize=16)
def _lines(room: int) -> bytes:
    found = b""
    for number in itertools.count(1):
        longer = found + LINE % (number, number * 7919, number * 125)
        if len(longer) > room:
            return found
        found = longer
    raise AssertionError("unreachable")


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
