"""A fixed secret for every scheme: what its source keeps, and what its provider signs with."""

import base64
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from webhooks.schemes import verifier
from webhooks.schemes.base import Algorithm, Delivery, Encoding, HeaderPair, Request, Scheme
from webhooks.schemes.secrets import key_of

KEY = b"k" * 32
URL = b"https://hooks.example.test/webhooks/in_1"
DER = serialization.Encoding.DER
ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(KEY)
P256 = ec.derive_private_key(int.from_bytes(KEY), ec.SECP256R1())


class Keys(NamedTuple):
    """`secret` is what an admin pastes, `signing` what `sign` takes."""

    secret: str
    signing: bytes


def keys_of(scheme: Scheme) -> Keys:
    """The fixed secret of a scheme."""
    if scheme.algorithm is Algorithm.ED25519:
        return Keys(_written(scheme, ED25519.public_key().public_bytes_raw()), KEY)
    if scheme.algorithm is Algorithm.ECDSA_P256:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        private = P256.private_bytes(
            DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Keys(_written(scheme, P256.public_key().public_bytes(DER, form)), private)
    return Keys(_written(scheme, KEY), KEY)


def key_bytes(scheme: Scheme) -> bytes:
    """The key that a source keeps for the fixed secret."""
    return key_of(scheme, keys_of(scheme).secret)


def _written(scheme: Scheme, key: bytes) -> str:
    if scheme.secret_encoding is Encoding.UTF8:
        return key.decode()
    if scheme.secret_encoding is Encoding.HEX:
        return scheme.secret_prefix + key.hex()
    return scheme.secret_prefix + base64.b64encode(key).decode()


def verify(
    scheme: Scheme,
    keys: list[bytes],
    headers: list[HeaderPair],
    body: bytes,
    *,
    now: float,
    tolerance_s: int | None = None,
) -> Delivery:
    """Verify a delivery to the fixed address."""
    return verifier.verify(scheme, keys, Request(headers, body, now, tolerance_s, URL))
