"""Many texts looked for at once in others, as they are and percent-encoded (pure)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, unquote_plus

START_CHARACTERS = 4
MOST_PLACES = 50_000
# So few are looked for at once, faster than by their starts.
FEW = 8
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})|(.)", re.DOTALL)
Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Needles:
    """Texts of four characters or more, each with the mark that takes its place.

    `starts` has them by their first characters: another text is gone through once, and only those
    are looked for in it whose start stands there.
    """

    marks: Mapping[str, str]
    starts: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, marks: Mapping[str, str]) -> "Needles":
        """These texts with their marks."""
        starts: dict[str, list[str]] = {}
        for text in marks:
            starts.setdefault(text[:START_CHARACTERS], []).append(text)
        return cls(marks, {start: tuple(texts) for start, texts in starts.items()})

    def covered(self, text: str) -> str:
        """The text with marks wherever one of these stands; what overlaps is one, of the first.

        Just one mark where they stand at more places than anybody reads.
        """
        spans: dict[int, Span] = {}
        for number, (begin, end, mark) in enumerate(self._spans(text)):
            if number == MOST_PLACES:
                return mark
            if begin not in spans or spans[begin][1] < end:
                spans[begin] = (begin, end, mark)
        shown, done = [], 0
        for begin, end, mark in sorted(spans.values()):
            if begin >= done:
                shown += [text[done:begin], mark]
            done = max(done, end)
        return "".join((*shown, text[done:]))

    def within(self, text: str) -> list[str]:
        """Those that stand in the text as it is."""
        if len(self.marks) <= FEW:
            return [needle for needle in self.marks if needle in text]
        last = len(text) - START_CHARACTERS
        there = {text[at : at + START_CHARACTERS] for at in range(last + 1)}
        found = there & self.starts.keys()
        return [needle for start in found for needle in self.starts[start] if needle in text]

    def _spans(self, text: str) -> Iterator[Span]:
        """Where in the text one begins and ends, and its mark."""
        for needle in self.within(text):
            mark = self.marks[needle]
            yield from ((at, at + len(needle), mark) for at in _places(text, needle))
        for has_plus, plain in _readings(text):
            found = self.within(plain)
            if not found:
                continue
            raw, begins = _decoded(text, has_plus=has_plus)
            for needle in found:
                encoded = needle.encode("utf-8", "surrogatepass")
                for at in _places(raw, encoded):
                    yield begins[at], begins[at + len(encoded)], self.marks[needle]


def _readings(text: str) -> Iterator[tuple[bool, str]]:
    """What it says to whoever decodes it, with `+` for a space or not, where that is another."""
    if "%" in text:
        yield False, unquote(text)
    if "+" in text:
        yield True, unquote_plus(text)


def _places(text: Any, needle: Any) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + len(needle))


def _decoded(text: str, *, has_plus: bool) -> tuple[bytes, list[int]]:
    """The bytes that a percent-encoded text stands for, and where in it each of them begins."""
    raw, begins = bytearray(), []
    for match in _ENCODED.finditer(text):
        plain = " " if has_plus and match[2] == "+" else match[2]
        piece = bytes.fromhex(match[1]) if match[1] else plain.encode("utf-8", "surrogatepass")
        raw += piece
        begins += [match.start()] * len(piece)
    return bytes(raw), [*begins, len(text)]
