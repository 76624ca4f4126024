"""Hostile text made plain: which characters a reader would not see, and which words mislead (pure).

Nothing is removed or replaced here: the spans of a text, joined, are the text again.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["text", "hidden", "confusable"]

# Marks beyond this many on one letter pile up into an unreadable blot (“zalgo”).
MAX_MARKS = 3
_PLAIN = re.compile(r"[\n\t\x20-\x7e]*")
_WORD = re.compile(r"\w+")
# Format characters, fillers and selectors that a font shows as nothing or as something else.
_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFF),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
# Controls, formats, surrogates, private use, unassigned, separators of every kind.
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_VISIBLE = frozenset("\n\t ")
# Scripts that are written together in one word without any intent to mislead.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
# Letters that are styled copies of others: a word of them alone misleads as well.
_STYLED = frozenset({"MATHEMATICAL"})


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text; `label` and `name` say what is hidden or mixed, for chip and tooltip."""

    kind: Kind
    text: str
    label: str = ""
    name: str = ""


def reveal(text: str) -> tuple[Span, ...]:
    """The text in spans: each hidden character one, each misleading word one, the rest between."""
    if _PLAIN.fullmatch(text):
        return (Span("text", text),) if text else ()
    return tuple(_merged(_spans(text)))


def hidden_count(text: str) -> int:
    """How many characters of the text a reader would not see as what they are."""
    if _PLAIN.fullmatch(text):
        return 0
    return sum(span.kind == "hidden" for span in reveal(text))


def hidden_in(value: object) -> int:
    """How many hidden characters all texts and keys of a JSON value hold together."""
    return sum(map(hidden_count, _texts(value)))


def confusable_in(value: object) -> int:
    """How many misleading words all texts and keys of a JSON value hold together."""
    return sum(
        span.kind == "confusable"
        for text in _texts(value)
        if not text.isascii()
        for span in reveal(text)
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for inner in value:
            yield from _texts(inner)


def _spans(text: str) -> Iterator[Span]:
    marks = 0
    start = 0
    for at, character in enumerate(text):
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks > MAX_MARKS or _is_hidden(character):
            yield from _words(text[start:at])
            yield Span("hidden", character, f"U+{ord(character):04X}", _name(character))
            start = at + 1
    yield from _words(text[start:])


def _words(text: str) -> Iterator[Span]:
    """The visible stretch, its misleading words apart."""
    start = 0
    if not text.isascii():
        for match in _WORD.finditer(text):
            if not match[0].isascii() and (scripts := _misleading(match[0])):
                yield Span("text", text[start : match.start()])
                yield Span("confusable", match[0], "mixed scripts", scripts)
                start = match.end()
    yield Span("text", text[start:])


def _merged(spans: Iterator[Span]) -> Iterator[Span]:
    held = ""
    for span in spans:
        if span.kind == "text":
            held += span.text
            continue
        if held:
            yield Span("text", held)
            held = ""
        yield span
    if held:
        yield Span("text", held)


@lru_cache(maxsize=8192)
def _is_hidden(character: str) -> bool:
    if character in _VISIBLE:
        return False
    point = ord(character)
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or any(
        first <= point <= last for first, last in _RANGES
    )


@lru_cache(maxsize=8192)
def _name(character: str) -> str:
    fallback = {"Cc": "control", "Cs": "lone surrogate", "Co": "private use"}
    return unicodedata.name(
        character, fallback.get(unicodedata.category(character), "no character")
    ).lower()


def _misleading(word: str) -> str:
    """The scripts that a word mixes although nobody writes so, joined by “+”; else nothing."""
    scripts = {script for character in word if (script := _script(character))}
    if scripts & _STYLED:
        return " + ".join(sorted(scripts))
    if len(scripts) < 2 or any(scripts <= usual for usual in _TOGETHER):
        return ""
    return " + ".join(sorted(scripts))


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    """The script of a letter as its name begins, or nothing for digits, marks and signs."""
    if not unicodedata.category(character).startswith("L"):
        return "MATHEMATICAL" if _first_word(character) == "MATHEMATICAL" else ""
    first = _first_word(character)
    # Signs such as µ, ª or the prolonged sound mark belong to every script.
    return "" if first in ("MICRO", "FEMININE", "MASCULINE", "MODIFIER", "KELVIN") else first


def _first_word(character: str) -> str:
    first = unicodedata.name(character, "").partition(" ")[0]
    return {"IDEOGRAPHIC": "CJK", "KATAKANA-HIRAGANA": "", "HALFWIDTH": "KATAKANA"}.get(
        first, first
    )
