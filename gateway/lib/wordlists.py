"""A tenant's own lists of words and patterns, checked, and searched for in linear time (pure)."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from audit.canonical import canonical
from gateway.lib.patterns import Pattern, PatternError, compile_pattern, words_pattern

MAX_LISTS = 20
MAX_ENTRIES = 200
MAX_WORD_CHARACTERS = 80
LIST_KIND = "list:"
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_TEXTS = ("words", "patterns")
_FIELDS = frozenset({"name", *_TEXTS})


class ListError(ValueError):
    """A list cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class WordLists:
    """Compiled lists: the kind that each one reports, and its patterns."""

    lists: tuple[tuple[str, tuple[Pattern, ...]], ...] = ()

    def kinds_in(self, text: str) -> Iterator[str]:
        """The kinds (`list:name`) of the lists that something in this text is on."""
        for kind, patterns in self.lists:
            if any(pattern.is_in(text) for pattern in patterns):
                yield kind


NO_LISTS = WordLists()


def load(stored: Sequence[Mapping[str, Any]]) -> WordLists:
    """The lists as they are stored, `[{name, words, patterns}]`, from the cache."""
    return _loaded(canonical(stored)) if stored else NO_LISTS


@lru_cache(maxsize=64)
def _loaded(text: bytes) -> WordLists:
    return compile_lists(json.loads(text))


def compile_lists(raw: Any) -> WordLists:
    """Lists that somebody wrote, checked; raises ListError for the first that is not usable."""
    if not isinstance(raw, list) or len(raw) > MAX_LISTS:
        raise ListError(f"A list of at most {MAX_LISTS} lists is needed.")
    lists = tuple(_compiled(entry, number) for number, entry in enumerate(raw, 1))
    names = [kind for kind, _ in lists]
    if len(set(names)) != len(names):
        raise ListError("Two lists have the same name.")
    if sum(len(entry.get(field, ())) for entry in raw for field in _TEXTS) > MAX_ENTRIES:
        raise ListError(f"All lists together have at most {MAX_ENTRIES} words and patterns.")
    return WordLists(lists)


def _compiled(raw: Any, number: int) -> tuple[str, tuple[Pattern, ...]]:
    if not isinstance(raw, Mapping) or set(raw) - _FIELDS:
        raise ListError(f"List {number}: an object with name, words and patterns is needed.")
    name = raw.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ListError(f"List {number}: its name has 1 to 40 small letters, digits and hyphens.")
    words, sources = _texts(raw, "words", name), _texts(raw, "patterns", name)
    if not words and not sources:
        raise ListError(f"List {name}: it needs a word or a pattern.")
    try:
        patterns = tuple(compile_pattern(source) for source in sources)
        by_word = (words_pattern(words),) if words else ()
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
