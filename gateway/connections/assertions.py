"""Signed statements (JWT, RS256) that a service takes for a password. Pure: time is an argument."""

import base64
import json
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

LEAST_BITS = 2048


def load_key(pem: str) -> RSAPrivateKey:
    """The key; raises ValueError, which says why and nothing of the key."""
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("it is no unencrypted PEM") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("an RSA key is needed")
    if key.key_size < LEAST_BITS:
        raise ValueError(f"it has fewer than {LEAST_BITS} bits")
    return key


def signed(claims: dict[str, Any], *, key: str, key_id: str = "") -> str:
    """The claims as a compact JWT. Raises ValueError for a key that cannot sign."""
    header = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    text = f"{_packed(header)}.{_packed(claims)}"
    signature = load_key(key).sign(text.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{_base64(signature)}"


def _packed(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
