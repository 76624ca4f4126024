"""JSON that has one meaning, or is refused.

Two readers of one document may disagree about duplicate keys, NaN, numbers beyond a double's
precision, lone surrogates and NUL. What an agent sends is therefore refused when it holds any of
them (`parse`); a provider's envelope is kept, with the ambiguous part marked (`parse_marked`).
Whatever `parse` returns is read back unchanged from its RFC 8785 bytes.
"""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from json.decoder import scanstring  # type: ignore[attr-defined]  # absent from the stubs only
from typing import Literal, NoReturn, Union

from gateway.lib.pointer import pointer

Reason = Literal[
    "not_json",
    "duplicate_key",
    "not_a_number",
    "number_precision",
    "lone_surrogate",
    "nul",
    "too_deep",
    "too_large",
]
Value = Union[None, bool, int, float, str, list["Value"], dict[str, "Value"], "Marked"]

MAX_BYTES = 262_144
MAX_DEPTH = 64
MAX_INTEGER = 2**53 - 1
# RFC 8785 writes doubles from here on with an exponent, so they cannot be read as integers.
EXPONENT_FROM = 1e21

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"NaN|-?Infinity")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: tuple[tuple[str, bool | None], ...] = (
    ("true", True),
    ("false", False),
    ("null", None),
)


class Ambiguous(ValueError):
    """The text is not JSON with exactly one meaning; `path` is a JSON Pointer."""

    def __init__(self, reason: Reason, path: str = "") -> None:
        super().__init__(f"{reason} at {path or 'the top'}")
        self.reason: Reason = reason
        self.path = path


@dataclass(frozen=True, slots=True)
class Marked:
    """An ambiguous part of an envelope: why, where, and the SHA-256 of its exact bytes."""

    reason: Reason
    path: str
    sha256: str


def parse(raw: bytes | str, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Value:
    """The value of strict JSON; raises Ambiguous, naming the first place that is not."""
    text = _decoded(raw, max_bytes)
    try:
        return _fast(text, max_depth)
    except ValueError:
        # The reader below is slower, but it knows where it stands.
        return _Reader(text, max_depth=max_depth, marking=False, whole=()).document()


def parse_marked(
    raw: bytes | str,
    *,
    whole: Collection[str] = ("arguments",),
    max_whole_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
) -> Value:
    """The value of a provider's envelope, its ambiguous parts replaced by Marked.

    A value under a key named in `whole` is marked as one piece when any part of it is ambiguous or
    it exceeds `max_whole_bytes`, so that its hash is that of the complete arguments. Raises
    Ambiguous (not_json) where the text as a whole is no JSON.
    """
    text = _decoded(raw, None)
    if len(text) * 4 <= max_whole_bytes or len(text.encode(errors="replace")) <= max_whole_bytes:
        try:
            return _fast(text, max_depth)
        except ValueError:
            pass
    reader = _Reader(
        text,
        max_depth=max_depth,
        marking=True,
        whole=whole,
        max_whole_bytes=max_whole_bytes,
    )
    return reader.document()


def find_marked(value: Value) -> Marked | None:
    """The first marked part within a value that `parse_marked` gave, if there is one."""
    if isinstance(value, Marked):
        return value
    if isinstance(value, dict):
        return next((m for v in value.values() if (m := find_marked(v))), None)
    if isinstance(value, list):
        return next((m for v in value if (m := find_marked(v))), None)
    return None


def _decoded(raw: bytes | str, max_bytes: int | None) -> str:
    if max_bytes is not None:
        size = len(raw) if isinstance(raw, bytes) else len(raw.encode(errors="surrogatepass"))
        if size > max_bytes:
            raise Ambiguous("too_large")
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise Ambiguous("not_json") from error


def _fast(text: str, max_depth: int) -> Value:
    """The standard library's parser with strict hooks; raises ValueError for anything odd."""
    if text.count("[") + text.count("{") > max_depth and _depth(text) > max_depth:
        raise ValueError("too deep")
    value = json.loads(
        text,
        object_pairs_hook=_object,
        parse_int=_integer,
        parse_float=_real,
        parse_constant=_constant,
    )
    # Escapes are the only way in for NUL; surrogates may stand in a str argument as well.
    if "\\u" in text or not text.isascii():
        _check_strings(value)
    return value


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        if (character := token[0][0]) in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Ambiguous("duplicate_key")
    return value


def _constant(_name: str) -> NoReturn:
    raise Ambiguous("not_a_number")


def _integer(literal: str) -> int:
    # The length is looked at first: Python refuses to read thousands of digits at all.
    if len(literal) > 17 or abs(number := int(literal)) > MAX_INTEGER:
        raise Ambiguous("number_precision")
    return number


def _real(literal: str) -> int | float:
    number = float(literal)
    if not _says_exactly(literal, number):
        raise Ambiguous("number_precision")
    if not number.is_integer():
        return number
    if abs(number) <= MAX_INTEGER:
        return int(number)
    if abs(number) < EXPONENT_FROM:
        # Its RFC 8785 form is an integer that `_integer` would refuse to read back.
        raise Ambiguous("number_precision")
    return number


def _says_exactly(literal: str, number: float) -> bool:
    """Whether the double's shortest decimal form has the value that was written."""
    if number in (float("inf"), float("-inf")):
        return False
    if number == 0:
        return not literal.lower().partition("e")[0].strip("-0.")
    return Decimal(repr(number)) == Decimal(literal)


def _text_fault(text: str) -> Reason | None:
    if "\0" in text:
        return "nul"
    if not text.isascii() and _SURROGATE.search(text):
        return "lone_surrogate"
    return None


def _check_strings(value: Value) -> None:
    if isinstance(value, str):
        if fault := _text_fault(value):
            raise Ambiguous(fault)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_strings(key)
            _check_strings(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_strings(inner)


@dataclass(slots=True)
class _Reader:
    """A recursive reader that knows its path and the raw slice of every value."""

    text: str
    max_depth: int
    marking: bool
    whole: Collection[str]
    max_whole_bytes: int = MAX_BYTES
    at: int = 0
    path: list[str | int] = field(default_factory=list)
    in_whole: bool = False

    def document(self) -> Value:
        value = self._value(1)
        self._space()
        if self.at != len(self.text):
            self._fail("not_json")
        return value

    def _value(self, depth: int) -> Value:
        self._space()
        start, steps = self.at, len(self.path)
        try:
            return self._plain(depth)
        except Ambiguous as error:
            if not self.marking or self.in_whole or error.reason == "not_json":
                raise
            del self.path[steps:]
            return self._mark(start, error)

    def _plain(self, depth: int) -> Value:
        character = self.text[self.at : self.at + 1]
        if character == '"':
            return self._string()
        if character in ("{", "["):
            if depth > self.max_depth:
                self._fail("too_deep")
            self.at += 1
            return self._members(depth) if character == "{" else self._items(depth)
        for word, meaning in _WORDS:
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        return self._number()

    def _members(self, depth: int) -> dict[str, Value]:
        members: dict[str, Value] = {}
        while not self._closes("}", first=not members):
            key = self._key()
            if key in members:
                self._fail("duplicate_key", key)
            self.path.append(key)
            members[key] = self._member(key, depth)
            self.path.pop()
        return members

    def _items(self, depth: int) -> list[Value]:
        items: list[Value] = []
        while not self._closes("]", first=not items):
            self.path.append(len(items))
            items.append(self._value(depth + 1))
            self.path.pop()
        return items

    def _member(self, key: str, depth: int) -> Value:
        if not self.marking or self.in_whole or key not in self.whole:
            return self._value(depth + 1)
        self._space()
        start, steps = self.at, len(self.path)
        self.in_whole = True
        try:
            # Depth starts afresh: the limit is one on arguments, not on where they stand.
            value = self._value(1)
            if len(self._bytes(start)) > self.max_whole_bytes:
                self._fail("too_large")
        except Ambiguous as error:
            if error.reason == "not_json":
                raise
            del self.path[steps:]
            return self._mark(start, error)
        finally:
            self.in_whole = False
        return value

    def _closes(self, bracket: str, *, first: bool) -> bool:
        self._space()
        character = self.text[self.at : self.at + 1]
        if character == bracket:
            self.at += 1
            return True
        if not first:
            if character != ",":
                self._fail("not_json")
            self.at += 1
        return False

    def _key(self) -> str:
        self._space()
        if self.text[self.at : self.at + 1] != '"':
            self._fail("not_json")
        key = self._string()
        self._space()
        if self.text[self.at : self.at + 1] != ":":
            self._fail("not_json")
        self.at += 1
        return key

    def _string(self) -> str:
        try:
            value, self.at = scanstring(self.text, self.at + 1, True)
        except json.JSONDecodeError as error:
            raise Ambiguous("not_json", pointer(self.path)) from error
        if fault := _text_fault(value):
            self._fail(fault)
        return value

    def _number(self) -> int | float:
        if _NOT_A_NUMBER.match(self.text, self.at):
            self._fail("not_a_number")
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            self._fail("not_json")
        try:
            number = _real(match[0]) if match[1] or match[2] else _integer(match[0])
        except Ambiguous as error:
            raise Ambiguous(error.reason, pointer(self.path)) from error
        self.at = match.end()
        return number

    def _mark(self, start: int, error: Ambiguous) -> Marked:
        self.at = self._end_of_value(start)
        return Marked(error.reason, error.path, hashlib.sha256(self._bytes(start)).hexdigest())

    def _bytes(self, start: int) -> bytes:
        return self.text[start : self.at].encode(errors="surrogatepass")

    def _end_of_value(self, start: int) -> int:
        """Where the value that begins at `start` ends, without recursion and without judging it."""
        if self.text[start] not in '"[{':
            match = _NOT_A_NUMBER.match(self.text, start) or _NUMBER.match(self.text, start)
            return match.end() if match else start
        depth = 0
        for token in _TOKEN.finditer(self.text, start):
            character = token[0][0]
            depth += (character in "[{") - (character in "]}")
            if depth == 0:
                return token.end()
        raise Ambiguous("not_json", pointer(self.path))

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _fail(self, reason: Reason, *more: str) -> NoReturn:
        raise Ambiguous(reason, pointer([*self.path, *more]))
