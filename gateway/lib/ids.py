"""Identifiers: UUIDv7 inside, `prefix_` and 26 characters of Crockford base32 outside."""

import secrets
import uuid

from uuid_utils.compat import uuid7

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
LENGTH = 26
# Two and three characters at a time: every webhook's answer waits for 26 of them.
_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
_TRIPLES = [pair + third for pair in _PAIRS for third in ALPHABET]
_HALF = (1 << 60) - 1


class BadId(ValueError):
    """The text is not an identifier of the expected kind."""


def new_id() -> uuid.UUID:
    """A fresh UUIDv7: sorts by creation time, unique across processes."""
    return uuid7()


def floor(moment: float) -> uuid.UUID:
    """The smallest id of a millisecond, in seconds since 1970: ids made before sort before it."""
    return uuid.UUID(int=int(moment * 1000) << 80)


def encode(prefix: str, value: uuid.UUID) -> str:
    """The public form of an id, such as `act_06eq…`."""
    return f"{prefix}_{_base32(value.int)}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """The id behind its public form; raises BadId for any other text."""
    head, _, tail = text.partition("_")
    if head != prefix or len(tail) != LENGTH:
        raise BadId(f"{text[:40]!r} is not an id of the form {prefix}_ and {LENGTH} characters")
    try:
        number = _number(tail)
        return uuid.UUID(int=number)
    except (KeyError, ValueError) as error:
        raise BadId(f"{text[:40]!r} is not an id") from error


def random_token(prefix: str) -> str:
    """An unguessable name of 130 random bits, for addresses and secrets."""
    return f"{prefix}_{_base32(secrets.randbits(130))}"


def _base32(number: int) -> str:
    # In halves: numbers that fit into a word of the machine are shifted three times as fast.
    upper = number >> 60
    return f"{_PAIRS[upper >> 60]}{_twelve(upper & _HALF)}{_twelve(number & _HALF)}"


def _twelve(half: int) -> str:
    return (
        f"{_TRIPLES[half >> 45]}{_TRIPLES[half >> 30 & 32767]}"
        f"{_TRIPLES[half >> 15 & 32767]}{_TRIPLES[half & 32767]}"
    )


def _number(tail: str) -> int:
    number = 0
    for character in tail:
        number = number << 5 | _VALUES[character]
    return number
