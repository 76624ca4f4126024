"""Reading a document that somebody else wrote: JSON or YAML, bounded, with one meaning (pure)."""

from typing import Any

import yaml

from gateway.lib.strictjson import Ambiguous, parse

MAX_DOCUMENT_BYTES = 1_048_576
# YAML takes a hundred times as long to read.
MAX_YAML_BYTES = 262_144
MAX_DEPTH = 64
_BOOL, *_NUMBERS = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "null", "int", "float"))
_PLAIN = frozenset({_BOOL, *_NUMBERS})


class Unreadable(ValueError):
    """The text is no document that can be taken; says why."""


class _Loader(yaml.CSafeLoader):
    """Texts, numbers, true, false and null: no dates, no `yes`, no references between parts."""


_Loader.yaml_implicit_resolvers = {
    # YAML 1.1 takes yes, no, on and off for truth; whoever writes them means the words.
    first: [pair for pair in found if pair[0] in _PLAIN and (pair[0] != _BOOL or first in "tTfF")]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> dict[str, Any]:
    """The document's object. Raises Unreadable."""
    size = len(text.encode("utf-8", errors="replace"))
    if size > MAX_DOCUMENT_BYTES:
        raise Unreadable(f"A document has at most {MAX_DOCUMENT_BYTES} bytes.")
    if text.lstrip().startswith(("{", "[")):
        found = _json(text)
    elif size > MAX_YAML_BYTES:
        raise Unreadable(f"YAML has at most {MAX_YAML_BYTES} bytes: send it as JSON.")
    else:
        found = _yaml(text)
    if not isinstance(found, dict):
        raise Unreadable("The document is not an object.")
    return found


def _json(text: str) -> Any:
    try:
        return parse(text, max_bytes=MAX_DOCUMENT_BYTES)
    except Ambiguous as error:
        raise Unreadable(f"The document is no strict JSON: {error}") from error


def _yaml(text: str) -> Any:
    """Aliases are refused before anything is built: a few of them can unfold to gigabytes."""
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.AliasEvent):
                raise Unreadable("Anchors and aliases (&, *) are not read: write parts out.")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise Unreadable(f"The document is nested more than {MAX_DEPTH} deep.")
        return _with_text_keys(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"The document is no YAML: {str(error)[:200]}") from error


def _with_text_keys(value: Any) -> Any:
    """Keys such as the status 200 are numbers to YAML and names to everybody else."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_text_keys(inner) for inner in value]
    return value
