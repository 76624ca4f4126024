"""Lays out a payload for reading without changing a byte of it. Pure.

Line breaks and blanks are put only between the tokens of a JSON text, never inside a string.
Taking them out again, and each chip for the character it stands for, gives back the stored text.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.lib.visible import Span, reveal

INDENT = "  "
# Runs of plain characters between escapes: a choice at each character takes much longer.
_KEY = re.compile(r' *("[^"\\]*(?:\\.[^"\\]*)*": )')
_STRING = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)


@dataclass(frozen=True)
class Line:
    """One line: the member's name, if it has one, and the rest; `is_hit` where something hides."""

    key: tuple[Span, ...]
    rest: tuple[Span, ...]
    is_hit: bool


def lines(text: str) -> tuple[Line, ...]:
    """The text line by line; of a compact JSON text one member a line."""
    if is_compact_json(text):
        return tuple(_member(line) for line in _layout(text))
    return tuple(_line("", line) for line in text.split("\n"))


def is_compact_json(text: str) -> bool:
    """Whether the text is a JSON object or array without blanks between its tokens."""
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    # Only now: in what is no JSON each open quotation mark would be followed to the end.
    return not any(" " in part or "\n" in part for part in _outside(text))


def original(laid_out: str) -> str:
    """The compact JSON text that a layout came from."""
    parts = _STRING.split(laid_out)
    return "".join(p if at % 2 else re.sub(r"\s", "", p) for at, p in enumerate(parts))


def _outside(text: str) -> list[str]:
    return _STRING.split(text)[::2]


def _member(line: str) -> Line:
    found = _KEY.match(line)
    key = found.group() if found else ""
    return _line(key, line[len(key) :])


def _line(key: str, rest: str) -> Line:
    spans = reveal(key), reveal(rest)
    is_hit = any(span.kind != "text" for part in spans for span in part)
    return Line(spans[0], spans[1], is_hit)


def _layout(text: str) -> Iterator[str]:
    """One line per member or element; empty objects and arrays stay on theirs."""
    line, depth = "", 0
    for at, part in enumerate(_STRING.split(text)):
        if at % 2:
            line += part
            continue
        for sign in re.findall(r"\{\}|\[\]|[{}\[\],:]|[^{}\[\],:]+", part):
            if sign in "}]":
                yield line
                depth -= 1
                line = INDENT * depth + sign
            elif sign in "{[,":
                yield line + sign
                depth += sign != ","
                line = INDENT * depth
            else:
                line += ": " if sign == ":" else sign
    yield line
