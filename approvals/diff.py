"""Two JSON documents as a list of changes, and two texts as marked words (pure).

Lists of objects are matched by their id where all have one; other lists are aligned as sequences.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final, Literal

from audit.canonical import JSON
from gateway.lib.pointer import pointer

Kind = Literal["added", "removed", "changed", "type_changed", "moved"]
Mark = Literal["same", "added", "removed"]
Path = tuple[str | int, ...]

ID_KEYS = ("id", "key", "uuid", "slug", "sku", "name")
# Aligning takes quadratic time; beyond these sizes places are compared one by one.
MAX_ALIGNED_ITEMS = 1000
MAX_ALIGNED_WORDS = 2000
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


class _Absent:
    """Where there is nothing, as opposed to null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: a JSON Pointer and both values, None on the side where there is none.

    Paths lead into the document after the change; only those of removed values lead into the one
    before. A moved entry carries its old and new index.
    """

    path: str
    kind: Kind
    before: JSON
    after: JSON


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text that stayed, came or went."""

    mark: Mark
    text: str


def compare(before: JSON | _Absent, after: JSON | _Absent) -> tuple[Change, ...]:
    """The changes in document order; pass ABSENT for a side that does not exist.

    What was added or removed is listed leaf by leaf, so that every path can be read by itself.
    """
    return tuple(_changes((), before, after))


def words(before: str, after: str) -> tuple[Word, ...]:
    """Both texts in one list of pieces: without the added ones it is the old, else the new."""
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    if max(len(old), len(new)) > MAX_ALIGNED_WORDS:
        old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if max(len(old), len(new)) > MAX_ALIGNED_WORDS:
        old, new = [before], [after]
    marked: list[Word] = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            marked.append(Word("same", "".join(old[i:j])))
            continue
        marked += [Word("removed", "".join(old[i:j]))] if j > i else []
        marked += [Word("added", "".join(new[k:m]))] if m > k else []
    return tuple(marked)


def _changes(path: Path, before: Any, after: Any) -> Iterator[Change]:
    if before is ABSENT or after is ABSENT:
        yield from _leaves(path, before, after)
    elif isinstance(before, dict) and isinstance(after, dict):
        for key in [*after, *(key for key in before if key not in after)]:
            yield from _changes((*path, key), before.get(key, ABSENT), after.get(key, ABSENT))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    elif _type(before) != _type(after):
        yield Change(pointer(path), "type_changed", before, after)
    elif before != after:
        yield Change(pointer(path), "changed", before, after)


def _leaves(path: Path, before: Any, after: Any) -> Iterator[Change]:
    """Everything below a place that exists on one side only."""
    present = before if after is ABSENT else after
    if present is ABSENT:
        return
    if isinstance(present, dict | list) and present:
        inner = present.items() if isinstance(present, dict) else enumerate(present)
        for step, value in inner:
            sides = (value, ABSENT) if after is ABSENT else (ABSENT, value)
            yield from _leaves((*path, step), *sides)
    elif after is ABSENT:
        yield Change(pointer(path), "removed", present, None)
    else:
        yield Change(pointer(path), "added", None, present)


def _lists(path: Path, before: list[Any], after: list[Any]) -> Iterator[Change]:
    if (key := _id_key(before, after)) is not None:
        yield from _matched(path, before, after, key=key)
    elif max(len(before), len(after)) > MAX_ALIGNED_ITEMS:
        yield from _in_place(path, before, after, (0, 0))
    else:
        yield from _aligned(path, before, after)


def _aligned(path: Path, before: list[Any], after: list[Any]) -> Iterator[Change]:
    old, new = [_frozen(item) for item in before], [_frozen(item) for item in after]
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from _in_place(path, before[i:j], after[k:m], (i, k))


def _in_place(
    path: Path, before: list[Any], after: list[Any], starts: tuple[int, int]
) -> Iterator[Change]:
    shared = min(len(before), len(after))
    for offset in range(shared):
        yield from _changes((*path, starts[1] + offset), before[offset], after[offset])
    for offset in range(shared, len(before)):
        yield from _leaves((*path, starts[0] + offset), before[offset], ABSENT)
    for offset in range(shared, len(after)):
        yield from _leaves((*path, starts[1] + offset), ABSENT, after[offset])


def _matched(path: Path, before: list[Any], after: list[Any], *, key: str) -> Iterator[Change]:
    was = {_frozen(item[key]): index for index, item in enumerate(before)}
    now = {_frozen(item[key]) for item in after}
    stayed = [was[name] for item in after if (name := _frozen(item[key])) in was]
    in_order = _longest_rise(stayed)
    for index, item in enumerate(after):
        old = was.get(_frozen(item[key]))
        if old is None:
            yield from _leaves((*path, index), ABSENT, item)
            continue
        if old not in in_order:
            yield Change(pointer((*path, index)), "moved", old, index)
        yield from _changes((*path, index), before[old], item)
    for index, item in enumerate(before):
        if _frozen(item[key]) not in now:
            yield from _leaves((*path, index), item, ABSENT)


def _id_key(before: Sequence[Any], after: Sequence[Any]) -> str | None:
    """The key that names every entry of both lists, each name once; None where there is none."""
    if not before or not after:
        return None
    return next((key for key in ID_KEYS if _names(before, key) and _names(after, key)), None)


def _names(entries: Sequence[Any], key: str) -> bool:
    found: set[object] = set()
    for entry in entries:
        name = entry.get(key) if isinstance(entry, dict) else None
        if isinstance(name, bool) or not isinstance(name, str | int):
            return False
        found.add(_frozen(name))
    return len(found) == len(entries)


def _longest_rise(numbers: list[int]) -> set[int]:
    """The largest set of entries that kept their order; the others count as moved."""
    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for at, number in enumerate(numbers):
        place = bisect_left(tails, number)
        previous.append(tail_at[place - 1] if place else -1)
        tails[place:] = [number, *tails[place + 1 :]]
        tail_at[place:] = [at, *tail_at[place + 1 :]]
    kept: set[int] = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        kept.add(numbers[at])
        at = previous[at]
    return kept


def _type(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    if isinstance(value, int | float):
        return "number"
    return {"str": "text", "dict": "object", "list": "array"}[type(value).__name__]


def _frozen(value: Any) -> object:
    """A hashable form in which 1, True and "1" differ."""
    if isinstance(value, dict):
        return ("object", frozenset((key, _frozen(inner)) for key, inner in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_frozen, value)))
    return (_type(value), value)
