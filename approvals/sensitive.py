"""Which fields of arguments and preview hold something sensitive: paths and kinds, never values.

Pure. The built-in detectors know shapes; a tenant adds lists of its own words and patterns.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from approvals.detectors import PHONE, is_named_phone, kinds_in, plain
from audit.canonical import JSON
from gateway.lib.pointer import escape
from gateway.lib.wordlists import NO_LISTS, WordLists

MAX_PATHS = 100
# Shorter numbers are amounts, counts and times.
_LEAST_NUMBER = 10**12

PreviewState = Literal["read", "unread", "none"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One field that holds something; the path is a JSON Pointer from the facts' top."""

    path: str
    kind: str


def find(documents: Mapping[str, JSON], lists: WordLists = NO_LISTS) -> Iterator[Hit]:
    """Every field of the named documents that holds something, in the documents' order."""
    waiting: list[tuple[str, str, JSON]] = [
        (f"/{escape(name)}", "", value) for name, value in documents.items()
    ][::-1]
    while waiting:
        path, name, value = waiting.pop()
        if isinstance(value, Mapping):
            members = []
            for key, inner in value.items():
                on_key = _hits(f"{path}/*", "", key, lists)
                yield from on_key
                # A name that is itself sensitive does not travel on in the path.
                members.append((f"{path}/{'*' if on_key else escape(key)}", key, inner))
            waiting += reversed(members)
        elif isinstance(value, list | tuple):
            numbered = reversed(list(enumerate(value)))
            waiting += [(f"{path}/{index}", name, inner) for index, inner in numbered]
        elif isinstance(value, str):
            yield from _hits(path, name, value, lists)
        elif isinstance(value, int) and value >= _LEAST_NUMBER:
            yield from _hits(path, name, str(value), lists)


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


def _hits(path: str, name: str, text: str, lists: WordLists) -> list[Hit]:
    shown = plain(text)
    kinds = kinds_in(shown)
    if name and PHONE not in kinds and is_named_phone(name.lower(), shown):
        kinds.append(PHONE)
    return [Hit(path, kind) for kind in (*kinds, *lists.kinds_in(shown))]
