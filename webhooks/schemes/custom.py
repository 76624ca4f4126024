"""A scheme that an admin describes: the catalogue's own fields, as JSON, each of them checked."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any

from webhooks.schemes.base import (
    Algorithm,
    Encoding,
    Fallback,
    Part,
    Scheme,
    Split,
    Unit,
    Where,
    pieces_of,
)

NAME = "custom"
MAX_TEXT = 200
MAX_ITEMS = 10
MAX_TOLERANCE_S = 86_400
# What a description may say; all else is the catalogue's business.
TEXTS = (
    "title", "signature_prefix", "item_separator", "signature_field", "signed", "secret_prefix",
    "timestamp",
)  # fmt: skip
LISTS = ("signature_headers", "ids", "types")
CHOICES: dict[str, type[StrEnum]] = {
    "algorithm": Algorithm,
    "signature_encoding": Encoding,
    "secret_encoding": Encoding,
    "timestamp_unit": Unit,
    "id_fallback": Fallback,
}
TOLERANCES = ("past_tolerance_s", "future_tolerance_s")
FLAGS = ("is_prefix_optional",)
FIELDS = (*TEXTS, *LISTS, *CHOICES, *TOLERANCES, *FLAGS, "split")
DEFAULTS = {f.name: f.default for f in fields(Scheme) if f.default is not MISSING}


class BadScheme(ValueError):
    """A description that cannot work; `field` says where, the message why and what to write."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def parse(given: Mapping[str, Any]) -> Scheme:
    """The scheme that the description says; raises BadScheme naming the first bad field."""
    for name in given:
        if name not in FIELDS:
            raise BadScheme(name, f"A scheme has no field {name!r}; it has {', '.join(FIELDS)}.")
    read: dict[str, Any] = {}
    for name, value in given.items():
        read[name] = _read(name, value)
    scheme = Scheme(name=NAME, **({"title": "Custom"} | read))
    _check_whole(scheme)
    return scheme


def dump(scheme: Scheme) -> dict[str, Any]:
    """The description of a scheme, without what is as usual: a start for one of one's own."""
    shown: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(scheme, name)
        if value == DEFAULTS.get(name):
            continue
        if isinstance(value, Split):
            value = {"items": value.items, "id": list(value.id), "types": list(value.types)}
        shown[name] = list(value) if isinstance(value, tuple) else value
    return shown


def _read(name: str, value: Any) -> Any:
    if name in TEXTS:
        return _text(name, value)
    if name in LISTS:
        return tuple(_list(name, value))
    if name in CHOICES:
        return _choice(name, value)
    if name in TOLERANCES:
        return _tolerance(name, value)
    if name in FLAGS:
        if not isinstance(value, bool):
            raise BadScheme(name, f"{name} is true or false.")
        return value
    return _split(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise BadScheme(name, f"{name} is a text of at most {MAX_TEXT} characters.")
    return value


def _list(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise BadScheme(name, f"{name} is a list of at most {MAX_ITEMS} texts.")
    texts = [_text(name, item) for item in value]
    return [text.lower() for text in texts] if name == "signature_headers" else texts


def _choice(name: str, value: Any) -> StrEnum:
    kind = CHOICES[name]
    try:
        return kind(value)
    except ValueError as error:
        raise BadScheme(name, f"{name} is one of {', '.join(kind)}.") from error


def _tolerance(name: str, value: Any) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not 1 <= value <= MAX_TOLERANCE_S:
        raise BadScheme(name, f"{name} is a whole number of seconds from 1 to {MAX_TOLERANCE_S}.")
    return int(value)


def _split(value: Any) -> Split | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not set(value) <= {"items", "id", "types"}:
        raise BadScheme("split", "split is {items, id, types}: a path and two lists of paths.")
    return Split(
        items=_text("split", value.get("items", "")),
        id=tuple(_list("split", value.get("id", []))),
        types=tuple(_list("split", value.get("types", []))),
    )


def _check_whole(scheme: Scheme) -> None:
    """What no field alone can show: that the parts fit together and something is verified."""
    if not scheme.signature_headers:
        raise BadScheme("signature_headers", "Name the header that holds the signature.")
    if scheme.signature_encoding is Encoding.UTF8:
        raise BadScheme("signature_encoding", "A signature is written in hex or base64.")
    try:
        wire = scheme.wire
    except ValueError as error:
        raise BadScheme(_guilty(scheme), str(error)) from error
    if Part.BODY not in wire.pieces and scheme.algorithm is not Algorithm.TOKEN:
        raise BadScheme("signed", "signed has to contain {body}: nothing else would be verified.")
    if Part.TIMESTAMP in wire.pieces and wire.stamp is None:
        raise BadScheme("timestamp", "signed contains {timestamp}: say where it is.")
    if Part.ID in wire.pieces and not wire.signed_id_header:
        raise BadScheme("ids", "signed contains {id}: name its header in ids, header:x-….")
    if wire.stamp and wire.stamp.where is Where.FIELD and not scheme.signature_field:
        raise BadScheme("signature_field", "timestamp is a field: name the signature's field too.")


def _guilty(scheme: Scheme) -> str:
    """Which field holds what does not parse."""
    try:
        pieces_of(scheme.signed)
    except ValueError:
        return "signed"
    for name in ("timestamp", "ids", "types"):
        value = getattr(scheme, name)
        for text in value if isinstance(value, tuple) else filter(None, [value]):
            try:
                [Where(part.partition(":")[0]) for part in text.split(" ")]
            except ValueError:
                return name
    return "scheme"
