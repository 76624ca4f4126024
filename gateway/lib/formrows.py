"""Rows of a form, added, moved and removed without a script: what is posted, in its order."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

Row = TypeVar("Row")


def visible(source: str) -> str:
    """A CEL text in which what cannot be seen is escaped."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\U{ord(c):08x}" for c in source)


def posted(data: Mapping[str, Any], fields: Collection[str], *, most: int) -> list[dict[str, Any]]:
    """The rows of a posted form, at most so many of them; `rows` says how many there are."""
    try:
        count = min(int(data.get("rows", "0")), most)
    except ValueError:
        count = 0
    return [{name: data.get(f"r{at}-{name}", "") for name in fields} for at in range(count)]


def moved(rows: list[Row], what: str) -> list[Row]:
    """The rows after `up-2`, `down-2` or `remove-2`; anything else changes nothing."""
    verb, _, number = what.partition("-")
    if not number.isdigit() or int(number) >= len(rows):
        return rows
    at, rest = int(number), list(rows)
    row = rest.pop(at)
    if verb == "up":
        rest.insert(max(0, at - 1), row)
    elif verb == "down":
        rest.insert(at + 1, row)
    elif verb != "remove":
        return rows
    return rest
