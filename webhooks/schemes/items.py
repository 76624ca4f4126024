"""A body that carries several events, cut into the exact bytes of each. Pure."""

import json
import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # absent from the stubs only
from typing import Any, NamedTuple

from webhooks.schemes.base import Split
from webhooks.schemes.bodies import joined, member, text_of

MAX_ITEMS = 20_000
MARK = "\ufeff"
_SPACE = re.compile(r"[ \t\n\r]*")
# A whole number of more digits than Python reads stays a text: it identifies nothing.
_DECODER = json.JSONDecoder(parse_int=lambda digits: int(digits) if len(digits) < 40 else digits)


class NotAList(ValueError):
    """The body is not the list that its scheme says it is; the message says why."""


class Item(NamedTuple):
    """One event of several: which one, its own bytes, and what they say."""

    number: int
    raw: bytes
    value: Any

    def id(self, split: Split) -> str:
        """What identifies it, empty where a part of that is missing."""
        parts = [text_of(member(self.value, name)) for name in split.id]
        return joined(parts) if parts and all(parts) else ""

    def type(self, split: Split) -> str:
        """Its type, empty where it names none."""
        found = (text_of(member(self.value, name)) for name in split.types)
        return next((text for text in found if text.isprintable() and text), "")


def cut(raw: bytes, split: Split) -> list[Item]:
    """The items in their order; raises NotAList.

    The bytes are those of the body, not written anew, so each item is as it was signed.
    """
    try:
        text = raw.decode().removeprefix(MARK)
    except UnicodeDecodeError as error:
        raise NotAList("The body is not UTF-8.") from error
    try:
        # All of it first: what follows may then rely on its being JSON.
        _DECODER.decode(text)
        return list(_items(text, _find(text, _skip(text, 0), split.items)))
    # A RecursionError is a body of brackets.
    except (json.JSONDecodeError, RecursionError) as error:
        raise NotAList("The body is not JSON.") from error


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _find(text: str, at: int, path: str) -> int:
    """Where the value at the dotted path begins."""
    for name in path.split(".") if path else ():
        at = _member(text, at, name)
    if text[at : at + 1] != "[":
        raise NotAList(f"There is no list at {path!r}." if path else "The body is not a list.")
    return at


def _member(text: str, at: int, wanted: str) -> int:
    """Where the value of the object's one member of this name begins."""
    if text[at : at + 1] != "{":
        raise NotAList(f"There is no object that has a member {wanted!r}.")
    found = []
    at = _skip(text, at + 1)
    while text[at] == '"':
        name, at = scanstring(text, at + 1)
        at = _after(text, at)
        if name == wanted:
            found.append(at)
        _value, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        at = at if text[at] == "}" else _after(text, at)
    if len(found) != 1:
        raise NotAList(f"The member {wanted!r} is there {len(found)} times, not once.")
    return found[0]


def _items(text: str, at: int) -> Iterator[Item]:
    at, number = _skip(text, at + 1), 0
    while text[at] != "]":
        if number >= MAX_ITEMS:
            raise NotAList(f"It carries more than {MAX_ITEMS} events.")
        value, end = _DECODER.raw_decode(text, at)
        yield Item(number, text[at:end].encode(), value)
        number += 1
        at = _skip(text, end)
        at = at if text[at] == "]" else _after(text, at)


def _after(text: str, at: int) -> int:
    """Behind the one colon or comma that comes next."""
    return _skip(text, _skip(text, at) + 1)
