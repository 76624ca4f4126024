"""Which fields of arguments and preview hold something sensitive: paths and kinds, never values.

Pure. The built-in detectors know shapes; a tenant adds lists of its own words and patterns.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from approvals.detectors import PHONE, is_named_phone, kinds_in, plain
from audit.canonical import JSON, canonical
from gateway.lib.patterns import Pattern, PatternError, compile_pattern, words_pattern
from gateway.lib.pointer import escape

MAX_PATHS = 100
MAX_LISTS = 20
MAX_ENTRIES = 200
MAX_WORD_CHARACTERS = 80
LIST_KIND = "list:"
# Shorter numbers are amounts, counts and times.
_LEAST_NUMBER = 10**12
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_FIELDS = frozenset({"name", "words", "patterns"})

PreviewState = Literal["read", "unread", "none"]


class ListError(ValueError):
    """A tenant's list cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One field that holds something; the path is a JSON Pointer from the facts' top."""

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Lexicon:
    """A tenant's lists, compiled: the kind each one reports and its patterns."""

    lists: tuple[tuple[str, tuple[Pattern, ...]], ...] = ()

    def kinds_in(self, text: str) -> Iterator[str]:
        """The kinds of the lists that this text is on."""
        for kind, patterns in self.lists:
            if any(pattern.is_in(text) for pattern in patterns):
                yield kind


NO_LISTS = Lexicon()


def load_lists(raw: Sequence[Mapping[str, Any]]) -> Lexicon:
    """The lists as they are stored, `[{name, words, patterns}]`; raises ListError."""
    return _loaded(canonical(raw)) if raw else NO_LISTS


def find(documents: Mapping[str, JSON], lexicon: Lexicon = NO_LISTS) -> Iterator[Hit]:
    """Every field of the named documents that holds something, in the documents' order."""
    waiting: list[tuple[str, str, JSON]] = [
        (f"/{escape(name)}", "", value) for name, value in reversed(documents.items())
    ]
    while waiting:
        path, name, value = waiting.pop()
        if isinstance(value, Mapping):
            for key in value:
                yield from _hits(f"{path}/{escape(key)}", "", key, lexicon)
            waiting += [
                (f"{path}/{escape(key)}", key, inner) for key, inner in reversed(value.items())
            ]
        elif isinstance(value, list | tuple):
            numbered = reversed(list(enumerate(value)))
            waiting += [(f"{path}/{index}", name, inner) for index, inner in numbered]
        elif isinstance(value, str):
            yield from _hits(path, name, value, lexicon)
        elif isinstance(value, int) and value >= _LEAST_NUMBER:
            yield from _hits(path, name, str(value), lexicon)


def fact(hits: Iterable[Hit], *, preview: PreviewState) -> dict[str, JSON]:
    """The policy variable `sensitive`; `preview` says whether there was one that could be read.

    All are counted; of the paths the first hundred are kept.
    """
    paths: list[JSON] = []
    count, kinds = 0, set()
    for hit in hits:
        count += 1
        kinds.add(hit.kind)
        if count <= MAX_PATHS:
            paths.append({"path": hit.path, "kind": hit.kind})
    return {"count": count, "kinds": sorted(kinds), "paths": paths, "preview": preview}


def _hits(path: str, name: str, text: str, lexicon: Lexicon) -> Iterator[Hit]:
    shown = plain(text)
    kinds = kinds_in(shown)
    if name and PHONE not in kinds and is_named_phone(name.lower(), shown):
        kinds.append(PHONE)
    for kind in (*kinds, *lexicon.kinds_in(shown)):
        yield Hit(path, kind)


@lru_cache(maxsize=64)
def _loaded(text: bytes) -> Lexicon:
    return compile_lists(json.loads(text))


def compile_lists(raw: Any) -> Lexicon:
    """Lists that somebody wrote, checked; raises ListError for the first that is not usable."""
    if not isinstance(raw, list) or len(raw) > MAX_LISTS:
        raise ListError(f"A list of at most {MAX_LISTS} lists is needed.")
    lists = tuple(_compiled(entry, number) for number, entry in enumerate(raw, 1))
    names = [kind for kind, _ in lists]
    if len(set(names)) != len(names):
        raise ListError("Two lists have the same name.")
    if sum(len(entry.get("words", [])) + len(entry.get("patterns", [])) for entry in raw) > (
        MAX_ENTRIES
    ):
        raise ListError(f"All lists together have at most {MAX_ENTRIES} words and patterns.")
    return Lexicon(lists)


def _compiled(raw: Any, number: int) -> tuple[str, tuple[Pattern, ...]]:
    if not isinstance(raw, Mapping) or set(raw) - _FIELDS:
        raise ListError(f"List {number}: an object with name, words and patterns is needed.")
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ListError(
            f"List {number}: its name has 1 to 40 small letters, digits and hyphens."
        )
    words, sources = _texts(raw, "words", name), _texts(raw, "patterns", name)
    if not words and not sources:
        raise ListError(f"List {name}: it needs a word or a pattern.")
    try:
        patterns = tuple(compile_pattern(source) for source in sources)
        by_word = (words_pattern(map(plain, words)),) if words else ()
    except PatternError as error:
        raise ListError(f"List {name}: {error}.") from error
    return f"{LIST_KIND}{name}", (*by_word, *patterns)


def _texts(raw: Mapping[str, Any], field: str, name: str) -> list[str]:
    found = raw.get(field, [])
    if not isinstance(found, list) or not all(isinstance(t, str) and t.strip() for t in found):
        raise ListError(f"List {name}: {field} is a list of texts.")
    if field == "words" and any(len(text) > MAX_WORD_CHARACTERS for text in found):
        raise ListError(f"List {name}: a word has at most {MAX_WORD_CHARACTERS} characters.")
    return [text.strip() for text in found]
