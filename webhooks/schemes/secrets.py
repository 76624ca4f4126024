"""From a secret's text, as the provider shows it, to the key that signs; and new ones."""

import base64
import binascii
import os

from webhooks.schemes.base import Encoding, Scheme

NEW_SECRET_BYTES = 32


class BadSecret(ValueError):
    """The text cannot be a secret of this scheme; the message says why, without repeating it."""


def key_of(scheme: Scheme, text: str) -> bytes:
    """The signing key behind a secret's text; raises BadSecret.

    The same prefix means different keys in different schemes, so nothing is guessed from the text.
    """
    key = _decode(scheme, text)
    if not scheme.secret_min_bytes <= len(key) <= scheme.secret_max_bytes:
        raise BadSecret(
            f"A secret of {scheme.title} has {scheme.secret_min_bytes} to "
            f"{scheme.secret_max_bytes} bytes; this one has {len(key)}."
        )
    return key


def _decode(scheme: Scheme, text: str) -> bytes:
    if scheme.secret_encoding is Encoding.UTF8:
        return text.encode()
    encoded = text.strip().removeprefix(scheme.secret_prefix)
    try:
        return binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
    except ValueError as error:
        raise BadSecret(
            f"A secret of {scheme.title} is base64, usually beginning with "
            f"{scheme.secret_prefix}; this text is not."
        ) from error


def new_secret(scheme: Scheme) -> str:
    """A fresh random secret in the form the scheme's providers use."""
    key = os.urandom(NEW_SECRET_BYTES)
    if scheme.secret_encoding is Encoding.UTF8:
        return key.hex()
    return scheme.secret_prefix + base64.b64encode(key).decode("ascii")
