"""A push service over real HTTP: takes what is sealed for its browser and stamped by who may write.

It checks stamps as RFC 8292 asks, answers 201, and 410 for a browser that unsubscribed. The
browser at its other end reads what arrived, in `read`.
"""

import base64
import os
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.notices import webpush
from tests.doubles.serving import Asked, Said, Service


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class PushService(Service):
    """One browser's service; `key` is the public half that the browser subscribed with."""

    key: str = ""
    is_subscribed: bool = True
    browser: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: os.urandom(16))
    read: list[bytes] = field(default_factory=list)

    @property
    def subscription(self) -> dict[str, str]:
        """What the browser says of itself."""
        public = self.browser.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return {
            "endpoint": f"{self.url}/v1/one", "p256dh": webpush.packed(public),
            "auth": webpush.packed(self.secret),
        }  # fmt: skip

    def answer(self, asked: Asked) -> Said:
        """201 for what may be delivered."""
        if not self.is_subscribed:
            return Said(410)
        if not self._is_stamped(asked):
            return Said(403)
        if asked.headers.get("content-encoding") != "aes128gcm" or "ttl" not in asked.headers:
            return Said(400)
        self.effects.append(asked)
        self.read.append(webpush.opened(asked.body, key=self.browser, secret=self.secret))
        return Said(201)

    def _is_stamped(self, asked: Asked) -> bool:
        kind, _, given = asked.headers.get("authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in given.split(","))
        if kind != "vapid" or parts.get("k") != self.key:
            return False
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(parts["k"]))
        try:
            jwt.decode(parts["t"], public, algorithms=["ES256"], audience=self.url)
        except jwt.InvalidTokenError:
            return False
        return True
