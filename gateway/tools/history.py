"""What changed between two definitions of a tool, part by part, for people to read (pure)."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_LINES = 400


@dataclass(frozen=True)
class Part:
    """One part that differs; `lines` are (“+”, “−” or “ ”, text) pairs of its pretty form."""

    name: str
    lines: list[tuple[str, str]]


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Part]:
    """The parts that differ, each as a list of lines with what stands around a change."""
    names = [name for name in after if before.get(name) != after.get(name)]
    return [Part(name, _lines(before.get(name), after.get(name))) for name in names]


def _lines(before: Any, after: Any) -> list[tuple[str, str]]:
    found = difflib.unified_diff(_pretty(before), _pretty(after), lineterm="", n=2)
    rows = [line for line in found if not line.startswith(("---", "+++", "@@"))]
    signs = {"-": "−", "+": "+", " ": " "}
    return [(signs[row[:1]], row[1:]) for row in rows[:MAX_LINES]]


def _pretty(value: Any) -> list[str]:
    if value in (None, "", [], {}):
        return []
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)
    )
    return text.split("\n")
