"""RFC 8785 JSON: the one byte form that every digest of the project is taken over."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

MAX_SAFE_INTEGER = 2**53 - 1

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


# Plain values, which most are, have their RFC 8785 form from here too, at a third of the price.
PLAIN = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


class NotCanonical(ValueError):
    """The value has no RFC 8785 form: NaN, a lone surrogate, an integer beyond 2^53 - 1, …"""


def canonical(value: JSON) -> bytes:
    """The RFC 8785 bytes of a JSON value; raises NotCanonical where there are none."""
    try:
        return PLAIN.encode(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error
    except RecursionError as error:
        raise NotCanonical("the value is nested too deeply") from error


def parsed(text: str) -> Any:
    """The value of RFC 8785 text; a whole number beyond 2^53 - 1 there was a float, as 1e20 is."""
    return json.loads(text, parse_int=_number)


def _is_plain(value: JSON) -> bool:
    """Whether no number needs rounding, and no key a sorting that is not Python's own.

    Python sorts by code points and RFC 8785 by UTF-16 units: of ASCII keys these are the same.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER  # type: ignore[operator]
    if kind is dict:
        return all(
            type(key) is str and key.isascii() and _is_plain(item)
            for key, item in value.items()  # type: ignore[union-attr]
        )
    return kind is list and all(map(_is_plain, value))  # type: ignore[arg-type]


def _number(text: str) -> int | float:
    number = int(text)
    return number if abs(number) <= MAX_SAFE_INTEGER else float(text)


def digest(value: JSON) -> str:
    """SHA-256, in hexadecimal, of the value's RFC 8785 bytes; raises NotCanonical."""
    return hashlib.sha256(canonical(value)).hexdigest()
