"""Messages to browsers: sealed for one browser, signed for its push service (pure).

RFC 8291 and RFC 8188 (`aes128gcm`) say how a message is sealed, RFC 8292 (VAPID) how we show the
service who we are. The service carries the message and cannot read it.
"""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CURVE = ec.SECP256R1()
# NIST P-256: every number below it but nought is a private key.
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
KEY = re.compile(r"[0-9a-f]{64}")
RECORD_BYTES, SALT_BYTES, SECRET_BYTES, POINT_BYTES = 4096, 16, 16, 65
# What fits into the one record: services take no more.
MAX_TEXT_BYTES = 3000
MAX_ENDPOINT = 1000
# Services refuse stamps of more than a day.
STAMP_FOR = timedelta(hours=12)
LAST_RECORD = b"\x02"


class BadSubscription(ValueError):
    """What a browser gave cannot be written to; says why."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where one browser's push service takes messages, and the keys that they are sealed with."""

    endpoint: str
    public: bytes
    secret: bytes

    @property
    def origin(self) -> str:
        """The service, as a stamp names it."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def subscription(*, endpoint: str, p256dh: str, auth: str) -> Subscription:
    """A browser's own words, checked. Raises BadSubscription."""
    parts = urlsplit(endpoint)
    if parts.scheme != "https" or not parts.hostname or len(endpoint) > MAX_ENDPOINT:
        raise BadSubscription("the push service's address must be https and not too long")
    public, secret = unpacked(p256dh), unpacked(auth)
    _point(public)
    if len(secret) != SECRET_BYTES:
        raise BadSubscription(f"the secret has {SECRET_BYTES} bytes")
    return Subscription(endpoint, public, secret)


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Our key, from 64 hex digits. Raises ValueError for anything else."""
    if not KEY.fullmatch(text):
        raise ValueError("a key of 64 hex digits is needed")
    return ec.derive_private_key(int(text, 16) % (ORDER - 1) + 1, CURVE)


def public_text(text: str) -> str:
    """The public half of our key, as browsers and services are told it."""
    return packed(_public(private_key(text)))


def sealed(
    text: bytes,
    to: Subscription,
    *,
    salt: bytes | None = None,
    own: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of one message. `salt` and `own` are drawn anew, but by tests.

    Raises ValueError for a text that is too long.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise ValueError("the text is too long for a push message")
    own, salt = own or ec.generate_private_key(CURVE), salt or os.urandom(SALT_BYTES)
    mine = _public(own)
    shared = own.exchange(ec.ECDH(), _point(to.public))
    key, nonce = _keys(shared, to.secret, salt, theirs=to.public, mine=mine)
    head = salt + RECORD_BYTES.to_bytes(4) + bytes([len(mine)]) + mine
    return head + AESGCM(key).encrypt(nonce, text + LAST_RECORD, None)


def opened(body: bytes, *, key: ec.EllipticCurvePrivateKey, secret: bytes) -> bytes:
    """What the browser with this key reads. Raises ValueError where it cannot."""
    salt, length = body[:SALT_BYTES], body[SALT_BYTES + 4]
    mine = body[SALT_BYTES + 5 : SALT_BYTES + 5 + length]
    shared = key.exchange(ec.ECDH(), _point(mine))
    aes, nonce = _keys(shared, secret, salt, theirs=_public(key), mine=mine)
    try:
        text = AESGCM(aes).decrypt(nonce, body[SALT_BYTES + 5 + length :], None)
    except InvalidTag as error:
        raise ValueError("the message was sealed for somebody else") from error
    return text.removesuffix(LAST_RECORD)


def headers(
    to: Subscription, *, key: str, contact: str, now: datetime, ttl_s: int, topic: str, urgency: str
) -> Mapping[str, str]:
    """What goes with a message: our stamp, how long it is worth sending, and what it replaces."""
    claims = {"aud": to.origin, "exp": int((now + STAMP_FOR).timestamp()), "sub": contact}
    stamp = jwt.encode(claims, private_key(key), algorithm="ES256")
    return {
        "Authorization": f"vapid t={stamp}, k={public_text(key)}",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(ttl_s),
        "Topic": topic,
        "Urgency": urgency,
    }


def packed(value: bytes) -> str:
    """Bytes as the standards write them: base64url without padding."""
    return base64.urlsafe_b64encode(value).decode("ascii").rstrip("=")


def unpacked(text: str) -> bytes:
    """The bytes of a base64url text. Raises BadSubscription for another text."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}=*", text):
        raise BadSubscription("a key is not base64url")
    bare = text.rstrip("=")
    if len(bare) % 4 == 1:
        raise BadSubscription("a key is not base64url")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))


def _keys(
    shared: bytes, secret: bytes, salt: bytes, *, theirs: bytes, mine: bytes
) -> tuple[bytes, bytes]:
    """The key and the nonce of the one record (RFC 8291, 3.4)."""
    ikm = _derived(shared, secret, b"WebPush: info\x00" + theirs + mine, length=32)
    key = _derived(ikm, salt, b"Content-Encoding: aes128gcm\x00", length=16)
    return key, _derived(ikm, salt, b"Content-Encoding: nonce\x00", length=12)


def _derived(material: bytes, salt: bytes, info: bytes, *, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(material)


def _public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _point(text: bytes) -> ec.EllipticCurvePublicKey:
    try:
        if len(text) != POINT_BYTES:
            raise ValueError("of another length")
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, text)
    except ValueError as error:
        raise BadSubscription("the browser's key is no point of P-256") from error
