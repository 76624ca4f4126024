"""What the generator sends is what a sender would: the schemes' own rules accept it."""

import hashlib
import hmac

from standardwebhooks import Webhook

from bench.signing import requests

SECRET = "whsec_" + "YmVuY2htYXJr" * 3
SIZES = (512, 8192)


def parts(request: bytes) -> tuple[bytes, dict[str, str], bytes]:
    """First line, headers, body."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return first.encode(), {name.lower(): value for name, value in pairs}, body


def made(scheme: str, size: int) -> list[bytes]:
    """Three requests."""
    return requests("/webhooks/in_x", SECRET, scheme=scheme, run="r", size=size, count=3)


def test_standard_webhooks_own_package_verifies_every_request() -> None:
    for size in SIZES:
        for request in made("standard", size):
            first, headers, body = parts(request)
            assert first == b"POST /webhooks/in_x HTTP/1.1"
            assert len(body) == int(headers["content-length"]) == size
            assert Webhook(SECRET).verify(body, headers)["type"] == "order.created"


def test_a_github_signature_is_over_the_body() -> None:
    for request in made("github", 1024):
        _, headers, body = parts(request)
        wanted = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-hub-signature-256"] == f"sha256={wanted}"


def test_every_request_is_another_event() -> None:
    bodies = {parts(request)[2] for request in made("standard", 1024)}
    ids = {parts(request)[1]["webhook-id"] for request in made("standard", 1024)}
    assert len(bodies) == len(ids) == 3
