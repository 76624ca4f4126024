"""Algorithms: decoding a signature, finding the key that made it. Constant time where secret."""

import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from webhooks.schemes.base import Algorithm, Scheme
from webhooks.schemes.reasons import Reason, Unverified

# A DER signature of P-256 has 8 to 72 bytes; RSA's has the length of its key.
MAX_SIGNATURE_BYTES = 1024
# Each of which costs a public key's arithmetic.
MAX_COSTLY = 4
ED25519_BYTES = 32
MIN_RSA_BITS = 2048


class Signer(NamedTuple):
    """One algorithm: `fits` says whether the key made this signature of the content.

    `length` is the signature's length in bytes, 0 where it varies. `signs` is false where nothing
    of the delivery is covered. `made` is the one signature that a key makes of the content, where
    there is only one: made once, however many came.
    """

    fits: Callable[[bytes, bytes, bytes], bool]
    length: int
    signs: bool = True
    made: Callable[[bytes, bytes], bytes] | None = None


def _of(made: Callable[[bytes, bytes], bytes], length: int) -> Signer:
    def fits(key: bytes, content: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(made(key, content), signature)

    return Signer(fits, length, made=made)


def _hmac(name: str, key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, name)


def _hash(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + content).digest()


def _by_token(key: bytes, _content: bytes, signature: bytes) -> bool:
    # Digests, so that not even the length tells by the time.
    given, wanted = hashlib.sha256(signature).digest(), hashlib.sha256(key).digest()
    return hmac.compare_digest(wanted, given)


def _by_ed25519(key: bytes, content: bytes, signature: bytes) -> bool:
    return _holds(lambda: ed25519_key(key).verify(signature, content))


def _by_ecdsa(key: bytes, content: bytes, signature: bytes) -> bool:
    return _holds(lambda: ec_key(key).verify(signature, content, ec.ECDSA(hashes.SHA256())))


def _by_rsa(key: bytes, content: bytes, signature: bytes) -> bool:
    scheme = padding.PKCS1v15()
    return _holds(lambda: rsa_key(key).verify(signature, content, scheme, hashes.SHA256()))


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=256)
def ed25519_key(key: bytes) -> ed25519.Ed25519PublicKey:
    """The public key in 32 bytes; raises ValueError."""
    return ed25519.Ed25519PublicKey.from_public_bytes(key)


@lru_cache(maxsize=256)
def ec_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 public key in DER; raises ValueError for any other."""
    key = serialization.load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ValueError("It is a public key, but not one of the curve P-256.")
    return key


@lru_cache(maxsize=256)
def rsa_key(der: bytes) -> rsa.RSAPublicKey:
    """The RSA public key in DER, 2,048 bits at least; raises ValueError for any other."""
    key = serialization.load_der_public_key(der)
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise ValueError(f"It is no RSA public key of at least {MIN_RSA_BITS} bits.")
    return key


SIGNERS = {
    Algorithm.HMAC_SHA1: _of(partial(_hmac, "sha1"), 20),
    Algorithm.HMAC_SHA256: _of(partial(_hmac, "sha256"), 32),
    Algorithm.HMAC_SHA512: _of(partial(_hmac, "sha512"), 64),
    Algorithm.SHA256: _of(_hash, 32),
    Algorithm.ED25519: Signer(_by_ed25519, 64),
    Algorithm.ECDSA_P256: Signer(_by_ecdsa, 0),
    Algorithm.RSA_SHA256: Signer(_by_rsa, 0),
    Algorithm.TOKEN: Signer(_by_token, 0, signs=False),
}
PUBLIC_KEYS: dict[Algorithm, Callable[[bytes], Any]] = {
    Algorithm.ED25519: ed25519_key,
    Algorithm.ECDSA_P256: ec_key,
    Algorithm.RSA_SHA256: rsa_key,
}


def decode(scheme: Scheme, item: bytes) -> bytes | None:
    """One signature as bytes; None where it is of another version, or none at all."""
    prefix = scheme.wire.prefix
    if item.startswith(prefix):
        item = item[len(prefix) :]
    elif not scheme.is_prefix_optional:
        return None
    if scheme.algorithm is Algorithm.TOKEN:
        return item or None
    try:
        decoded = (
            binascii.unhexlify(item)
            if scheme.wire.is_hex
            else binascii.a2b_base64(item, strict_mode=True)
        )
    except ValueError:
        return None
    length = SIGNERS[scheme.algorithm].length
    if length:
        return decoded if len(decoded) == length else None
    return decoded if 0 < len(decoded) <= MAX_SIGNATURE_BYTES else None


def matching_key(
    algorithm: Algorithm, keys: Sequence[bytes], content: bytes, given: Sequence[bytes]
) -> int:
    """Which key signed. Every key meets every signature, so the time tells nothing about them.

    Raises Unverified where none did, or more came than are worth the time.
    """
    fits, _, _, made = SIGNERS[algorithm]
    if made is None and len(given) > MAX_COSTLY:
        raise Unverified(Reason.TOO_MANY_SIGNATURES)
    match = -1
    for index, key in enumerate(keys):
        wanted = made(key, content) if made else b""
        for signature in given:
            does_fit = (
                hmac.compare_digest(wanted, signature) if made else fits(key, content, signature)
            )
            if does_fit and match < 0:
                match = index
    if match < 0:
        raise Unverified(Reason.WRONG_SIGNATURE if keys else Reason.NO_SECRET)
    return match
