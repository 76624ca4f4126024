"""From a secret's text, as the provider shows it, to the key that checks; and new ones."""

import base64
import binascii
import os
import re

from webhooks.schemes.base import Algorithm, Encoding, Scheme
from webhooks.schemes.signatures import PUBLIC_KEYS

NEW_SECRET_BYTES = 32
PEM_BEGIN = "-----BEGIN PUBLIC KEY-----"
PEM_END = "-----END PUBLIC KEY-----"


class BadSecret(ValueError):
    """The text cannot be a secret of this scheme; the message says why, without repeating it."""


def key_of(scheme: Scheme, text: str) -> bytes:
    """The key behind a secret's text; raises BadSecret.

    The same prefix means different keys in different schemes, so nothing is guessed from the text.
    """
    key = _decode(scheme, text)
    if not scheme.secret_min_bytes <= len(key) <= scheme.secret_max_bytes:
        raise BadSecret(
            f"A secret of {scheme.title} has {scheme.secret_min_bytes} to "
            f"{scheme.secret_max_bytes} bytes; this one has {len(key)}."
        )
    if scheme.secret_pattern and not re.fullmatch(scheme.secret_pattern, text):
        raise BadSecret(f"This text is no secret of {scheme.title}. {scheme.note}".rstrip())
    # A scheme that is checked by code fetches the public keys; the source does not keep them.
    load = PUBLIC_KEYS.get(scheme.algorithm) if scheme.check is None else None
    if load is not None:
        try:
            load(key)
        except ValueError as error:
            raise BadSecret(
                f"{scheme.title} signs with a private key of its own; paste the public key that it "
                f"shows. This text is not one: {error}"
            ) from error
    return key


def _decode(scheme: Scheme, text: str) -> bytes:
    if scheme.secret_encoding is Encoding.UTF8:
        return text.encode()
    encoded = "".join(text.replace(PEM_BEGIN, "").replace(PEM_END, "").split())
    encoded = encoded.removeprefix(scheme.secret_prefix)
    try:
        if scheme.secret_encoding is Encoding.HEX:
            return binascii.unhexlify(encoded)
        return binascii.a2b_base64(encoded.encode("ascii"), strict_mode=True)
    except ValueError as error:
        begins = f", usually beginning with {scheme.secret_prefix}" if scheme.secret_prefix else ""
        raise BadSecret(
            f"A secret of {scheme.title} is {scheme.secret_encoding}{begins}; this text is not."
        ) from error


def new_secret(scheme: Scheme) -> str:
    """A fresh random secret in the form the scheme's providers use.

    Raises BadSecret where the provider makes the keys.
    """
    is_ours = scheme.check is None or scheme.algorithm is Algorithm.TOKEN
    if scheme.algorithm.is_asymmetric or not is_ours:
        raise BadSecret(f"{scheme.title} makes this key; paste what it shows.")
    key = os.urandom(NEW_SECRET_BYTES)
    if scheme.secret_encoding is Encoding.BASE64:
        return scheme.secret_prefix + base64.b64encode(key).decode("ascii")
    return scheme.secret_prefix + key.hex()
