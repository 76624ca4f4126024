"""What a passkey signed, so that anyone can verify later which digest its owner approved (pure).

The challenge is SHA-256 over the review digest and a nonce of the server's. Everything that the
check needs is in the assertion itself, so it needs no server, no database and no session.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

PRESENT, VERIFIED = 0x01, 0x04
RP_HASH_BYTES, HEAD_BYTES = 32, 37
CURVES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512(),
}  # fmt: skip


class BadAssertion(Exception):
    """The assertion proves nothing; `code` says why in one word."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Assertion:
    """One answer of a passkey; bytes are base64url without padding, `nonce` is hexadecimal.

    `public_key` is the credential's, as SubjectPublicKeyInfo; `origin` and `rp_id` are what the
    server answered to when it was made.
    """

    credential: str
    public_key: str
    authenticator_data: str
    client_data: str
    signature: str
    nonce: str
    rp_id: str
    origin: str

    def as_dict(self) -> dict[str, str]:
        """The plain JSON object that is stored."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Assertion":
        """The assertion as it was stored; raises BadAssertion where a part is missing."""
        names = {part.name for part in fields(cls)}
        if set(stored) != names or not all(isinstance(value, str) for value in stored.values()):
            raise BadAssertion("malformed", "A part of the assertion is missing or not text.")
        return cls(**stored)


def challenge(digest: str, nonce: str) -> bytes:
    """What the passkey is asked to sign for this digest; both in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(digest) + bytes.fromhex(nonce)).digest()


def check(given: Assertion, *, digest: str) -> int:
    """The passkey's counter, where its owner was verified and signed exactly this digest.

    Raises BadAssertion: wrong_challenge, wrong_origin, wrong_party, not_verified, bad_signature,
    malformed.
    """
    client_data, data = unpacked(given.client_data), unpacked(given.authenticator_data)
    _check_client(_parsed(client_data), given, digest=digest)
    if len(data) < HEAD_BYTES:
        raise BadAssertion("malformed", "The authenticator's data is too short.")
    if not _same(data[:RP_HASH_BYTES], hashlib.sha256(given.rp_id.encode()).digest()):
        raise BadAssertion("wrong_party", "The passkey signed for another site.")
    flags = data[RP_HASH_BYTES]
    if not flags & PRESENT or not flags & VERIFIED:
        raise BadAssertion("not_verified", "The passkey did not verify who held it.")
    signed = data + hashlib.sha256(client_data).digest()
    if not _is_signed(unpacked(given.public_key), unpacked(given.signature), signed):
        raise BadAssertion("bad_signature", "The signature is not this passkey's.")
    return int.from_bytes(data[RP_HASH_BYTES + 1 : HEAD_BYTES], "big")


def packed(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def unpacked(text: str) -> bytes:
    """The bytes behind it; raises BadAssertion for anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadAssertion("malformed", "A part of the assertion is not base64url.") from error


def _check_client(said: Mapping[str, Any], given: Assertion, *, digest: str) -> None:
    if said.get("type") != "webauthn.get":
        raise BadAssertion("malformed", "This is no answer to a request to sign.")
    if not _same(unpacked(str(said.get("challenge", ""))), challenge(digest, given.nonce)):
        raise BadAssertion("wrong_challenge", "The passkey signed something else than was shown.")
    if said.get("origin") != given.origin or said.get("crossOrigin"):
        raise BadAssertion("wrong_origin", "The passkey was used on another site.")


def _parsed(client_data: bytes) -> dict[str, Any]:
    try:
        said = json.loads(client_data)
    except (ValueError, RecursionError) as error:
        raise BadAssertion("malformed", "The client's data is not JSON.") from error
    if not isinstance(said, dict):
        raise BadAssertion("malformed", "The client's data is no object.")
    return said


def _is_signed(public_key: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        key = load_der_public_key(public_key)
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(CURVES[key.curve.name]))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, signed)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError):
        return False
    return True


def _same(given: bytes, wanted: bytes) -> bool:
    return hmac.compare_digest(given, wanted)
