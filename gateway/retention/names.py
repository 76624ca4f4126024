"""Whether a stored value speaks of a person, by what they are called (pure)."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote_plus

SHORTEST_NAME = 4
# A name ends where a longer one would go on: customer:104 is not in customer:1043.
_BEFORE, _AFTER = r"(?<![\w.+-])", r"(?![\w-])(?!\.\w)"


class TooShort(ValueError):
    """A name of so few characters would be found everywhere."""


class Names:
    """What one or more people are called: ids, addresses, numbers, full names."""

    def __init__(self, names: Iterable[str]) -> None:
        self.all = sorted({name.strip() for name in names if name.strip()})
        for name in self.all:
            if len(name) < SHORTEST_NAME:
                raise TooShort(f"{name!r} is too short: give at least {SHORTEST_NAME} characters.")
        if not self.all:
            raise TooShort("Say what the person is called: an id, an address, a full name.")
        either = "|".join(re.escape(name) for name in self.all)
        self._pattern = re.compile(f"{_BEFORE}(?:{either}){_AFTER}", re.IGNORECASE)

    def are_in(self, value: Any) -> bool:
        """Whether any of them stands somewhere in the value, whatever form it is in."""
        return any(self._pattern.search(text) for text in _texts(value))


def _texts(value: Any) -> Iterator[str]:
    """Every text of a value: those within JSON, in bytes, and percent-encoded ones."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, bytes | bytearray | memoryview):
        yield from _read(bytes(value).decode(errors="replace"))
    elif isinstance(value, str):
        yield from _read(value)
    elif value is not None:
        yield str(value)


def _read(text: str) -> Iterator[str]:
    yield text
    if "%" in text or "+" in text:
        yield unquote_plus(text)
    if text[:1] in ("{", "["):
        try:
            yield from _texts(json.loads(text))
        except (ValueError, RecursionError):
            return
