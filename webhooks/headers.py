"""Headers of an event as they are kept: `name: value` lines, in the order of arrival (pure)."""

from collections.abc import Iterable

# An item of a delivery that carried several events is always a piece of JSON.
ITEM_TYPE = "application/json"


def pairs_of(kept: bytes | memoryview | None) -> list[tuple[str, str]]:
    """Name and value of each; the bytes are Latin-1, as HTTP has them."""
    lines = bytes(kept or b"").decode("latin-1").split("\n")
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines) if name]


def content_type_in(pairs: Iterable[tuple[str, str]]) -> str:
    """The media type that the headers name; empty without."""
    return next((value for name, value in pairs if name == "content-type"), "")


def content_type_of(kept: bytes | memoryview | None) -> str:
    """The first media type among kept headers, without taking all of them apart."""
    _, _, found = (b"\n" + bytes(kept or b"")).partition(b"\ncontent-type: ")
    return found.partition(b"\n")[0].decode("latin-1")
