"""The one sealing format: AES-256-GCM, bound to table, row, field and tenant.

`v1.<key id>.<base64url of nonce and ciphertext>`. The first key of ENCRYPTION_KEYS seals, all open.
Whoever brings a key of one person (`tenants.services.subjects`) seals in the same form with it.
"""

import base64
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12
KEY_BYTES = 32


class CannotUnseal(Exception):
    """The value was not sealed for this place, or its key is gone."""


def new_key() -> bytes:
    """A random key."""
    return os.urandom(KEY_BYTES)


def seal(text: str, *, table: str, row: str, field: str, tenant: str) -> str:
    """The sealed form of a secret; it opens only for the same place."""
    return seal_with(_keys()[0], text, table=table, row=row, field=field, tenant=tenant)


def seal_with(key: bytes, text: str, *, table: str, row: str, field: str, tenant: str) -> str:
    """The same under a key of the caller's."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), _place(table, row, field, tenant))
    return f"v1.{_key_id(key)}.{base64.urlsafe_b64encode(nonce + sealed).decode('ascii')}"


def unseal(sealed: str, *, table: str, row: str, field: str, tenant: str) -> str:
    """The secret behind its sealed form.

    Raises CannotUnseal when the key is unknown or the value belongs to another place.
    """
    return _opened(sealed, _keys(), table=table, row=row, field=field, tenant=tenant)


def unseal_with(key: bytes, sealed: str, *, table: str, row: str, field: str, tenant: str) -> str:
    """The same for what was sealed under a key of the caller's."""
    return _opened(sealed, [key], table=table, row=row, field=field, tenant=tenant)


def _opened(
    sealed: str, known: list[bytes], *, table: str, row: str, field: str, tenant: str
) -> str:
    version, _, rest = sealed.partition(".")
    key_id, _, packed = rest.partition(".")
    key = next((key for key in known if _key_id(key) == key_id), None)
    if version != "v1" or key is None:
        raise CannotUnseal(
            f"{table}.{field} of {row} was sealed with a key that COUNTERSIGN_ENCRYPTION_KEYS "
            f"does not hold (key id {key_id})."
        )
    raw = base64.urlsafe_b64decode(packed)
    place = _place(table, row, field, tenant)
    try:
        return AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place).decode()
    except InvalidTag as error:
        raise CannotUnseal(f"{table}.{field} of {row} was changed or belongs elsewhere.") from error


def fingerprint(text: str) -> str:
    """A short stable mark by which people recognise a secret without learning it."""
    return hashlib.sha256(_keys()[-1] + text.encode()).hexdigest()[:8]


def mark(text: str) -> str:
    """A text's stable name in 64 hex digits, which nobody without the keys finds by guessing."""
    key = hashlib.sha256(b"countersign/mark" + _keys()[-1]).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def mask_key() -> bytes:
    """The key under which masks of secret values get their fingerprints; stable over rotation."""
    return hashlib.sha256(b"countersign/mask" + _keys()[-1]).digest()


def _keys() -> list[bytes]:
    keys = [bytes.fromhex(key) for key in settings.ENCRYPTION_KEYS]
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise CannotUnseal("COUNTERSIGN_ENCRYPTION_KEYS must hold 64 hex digits for each key.")
    return keys


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"countersign/key-id" + key).hexdigest()[:8]


def _place(*parts: str) -> bytes:
    return "\x1f".join(parts).encode()
