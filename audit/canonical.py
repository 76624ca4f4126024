"""RFC 8785 JSON: the one byte form that every digest of the project is taken over."""

import hashlib
from collections.abc import Mapping, Sequence

import rfc8785

JSON = None | bool | int | float | str | Sequence["JSON"] | Mapping[str, "JSON"]


class NotCanonical(ValueError):
    """The value has no RFC 8785 form: NaN, a lone surrogate, an integer beyond 2^53 - 1, …"""


def canonical(value: JSON) -> bytes:
    """The RFC 8785 bytes of a JSON value; raises NotCanonical where there are none."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error
    except RecursionError as error:
        raise NotCanonical("the value is nested too deeply") from error


def digest(value: JSON) -> str:
    """SHA-256, in hexadecimal, of the value's RFC 8785 bytes; raises NotCanonical."""
    return hashlib.sha256(canonical(value)).hexdigest()
