"""Masking of secret fields, each with a short fingerprint that stays the same (pure)."""

import base64
import binascii
import hashlib
import hmac
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard
from urllib.parse import unquote, unquote_plus, urlsplit

from approvals.needles import Needles
from audit.canonical import JSON, NotCanonical, canonical
from gateway.lib.pointer import pointer, steps

FINGERPRINT_CHARACTERS = 8
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:passwords?|passwd|pwd|passphrase|secrets?|token|api_?keys?|access_key(?:_id)?"
    r"|private_key|signing_key|secret_key|authorization|cookie|credentials?|bearer|jwt|otp|totp"
    r"|pin|cvv|cvc|card_number|pan|ssn|session_id|session_key|client_secret)$"
)
_MASKED = re.compile(r"\[masked [0-9a-f]{8}\]")
# A shorter text stands by chance in every other one, and would garble them all.
SHORTEST_INSIDE_CHARACTERS = 4
_SEPARATOR = re.compile(r"([/?&=])")
# So many forms of hidden values are looked for elsewhere, the first ones of the document.
MOST_HIDDEN = 200


def redact(value: JSON, sensitive_paths: Iterable[str] = (), *, key: bytes = b"") -> JSON:
    """A copy with secrets masked, by the name of their key and by path.

    Paths are JSON Pointers or dotted (`customer.iban`), `*` stands for any one step. With a `key`
    the fingerprints cannot be found by guessing short secrets; equal secrets keep equal ones.
    """
    patterns = [steps(path) for path in sensitive_paths]
    return _redacted(value, patterns, key=key)


class StrayMask(ValueError):
    """A mask that stands for no value, or whose value would be seen there; `path` points to it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"a masked value at {path or 'the top'} stands for nothing there")
        self.path = path


def restore(
    edited: JSON, original: JSON, sensitive_paths: Iterable[str] = (), *, key: bytes = b""
) -> JSON:
    """The edited copy of what `redact` showed, with the values of `original` behind their masks.

    A mask stands for its value only where that would be masked again: nobody reads a secret by
    moving it. Raises StrayMask for any other.
    """
    paths = list(sensitive_paths)
    known = dict(_behind(redact(original, paths, key=key), original))
    restored = _restored(edited, known, ())
    for path in _moved(edited, redact(restored, paths, key=key), ()):
        raise StrayMask(pointer(path))
    return restored


@dataclass(frozen=True, slots=True)
class Hidden:
    """What masking took out of a document; each value with the mask that stands there for it.

    `inside` are texts that are looked for within others, in each form that they are written in;
    `whole` those too short for that. `clear` is what the document says in the clear.
    """

    inside: Needles
    whole: Mapping[str, str]
    clear: frozenset[str] = frozenset()


NOTHING = Hidden(Needles.of({}), {})


def hidden_in(
    original: JSON,
    sensitive_paths: Iterable[str] = (),
    *,
    key: bytes = b"",
    said: Callable[[JSON], Iterable[JSON]] = lambda _: (),
) -> Hidden:
    """What the paths hide of the document, to `hide` it wherever else it is said.

    Only what a definition names is looked for: names of members are the document's, and whoever
    wrote it must not hide with one value what another one says. So nothing is looked for either
    that it shows in the clear, be it within a longer text. `said` gets the document with a mask for
    each text and number that is hidden, and answers what else is in the clear. True, false, null
    and blank texts are hidden nowhere else: they could mean any other.
    """
    patterns = [steps(path) for path in sensitive_paths]
    if not patterns:
        return NOTHING
    declared = _redacted(original, patterns, key=key, by_name=False)
    behind = [(mark, value) for mark, value in _behind(declared, original) if not is_mask(value)]
    marks = {text: mark for mark, value in behind for text in _texts(value)}
    if not marks:
        return NOTHING
    open_parts = [redact(original, sensitive_paths, key=key), *said(_stand_ins(declared, original))]
    clear = frozenset(word for part in open_parts for word in _words(part))
    # No text goes over the end of another.
    all_clear = "\0".join(form for word in clear for form in _forms(word))
    inside = {form: mark for text, mark in marks.items() if _is_long(text) for form in _forms(text)}
    return Hidden(
        Needles.of(
            {f: mark for f, mark in list(inside.items())[:MOST_HIDDEN] if f not in all_clear}
        ),
        {text: mark for text, mark in marks.items() if not _is_long(text) and text not in clear},
        clear,
    )


def hide(value: JSON, hidden: Hidden, *, is_whole: bool = False) -> JSON:
    """A copy with the mask of each hidden value that a text, a number or a name says.

    Short values count where they are all that is said, and only with `is_whole`: in the request
    that was made of them. What a service says on its own may well be a small number, too.
    """
    if hidden is NOTHING:
        return value
    if isinstance(value, dict):
        found: dict[str, JSON] = {}
        for name, inner in value.items():
            safe = hide_text(name, hidden)
            # Two members stay two, whatever their names hide.
            safe = f"{safe} ({len(found) + 1})" if safe in found else safe
            found[safe] = hide(inner, hidden, is_whole=is_whole)
        return found
    if isinstance(value, list | tuple):
        return [hide(inner, hidden, is_whole=is_whole) for inner in value]
    text = _text(value)
    if is_whole and text in hidden.whole:
        return hidden.whole[text]
    if isinstance(value, str):
        return hide_text(value, hidden)
    # Another number that only has the same digits in it is another number.
    return hidden.inside.marks.get(text, value)


def hide_text(text: str, hidden: Hidden) -> str:
    """The text with a mask wherever a hidden value stands in it, percent-encoded or not."""
    if not text or not hidden.inside.marks:
        return text
    # What is masked already stays as it is, whatever its letters say.
    pieces = re.split(f"({_MASKED.pattern})", text)
    pieces[::2] = [hidden.inside.covered(piece) for piece in pieces[::2]]
    return "".join(pieces)


def hide_url(url: str, hidden: Hidden) -> str:
    """The address with masks in path and query; where it goes is the tool's, and stays readable."""
    try:
        host = urlsplit(url).netloc
    except ValueError:
        # No address, whatever its beginning looks like.
        return hide_form(url, hidden)
    before, _, after = url.partition(host) if host else ("", "", url)
    return before + host + hide_form(after, hidden)


def hide_form(text: str, hidden: Hidden) -> str:
    """The path and query, or the form, with masks also for short values that stand alone."""
    if not hidden.whole:
        return hide_text(text, hidden)
    pieces = _SEPARATOR.split(hide_text(text, hidden))
    for at in range(0, len(pieces), 2):
        is_name = pieces[at + 1 : at + 2] == ["="]
        for plain in () if is_name else (unquote(pieces[at]), unquote_plus(pieces[at])):
            if plain in hidden.whole:
                pieces[at] = hidden.whole[plain]
    return "".join(pieces)


def hide_base64(text: str, hidden: Hidden) -> str:
    """Bytes in base64: a mask in the place of all of them where they hold a hidden value."""
    raw = _bytes(text)
    for value, mark in hidden.inside.marks.items():
        given = _bytes(value)
        if raw is not None and (value.encode() in raw or (given and given in raw)):
            return mark
    return text


def is_secret_name(name: str) -> bool:
    """Whether a key of this name usually holds a secret."""
    snake = _SEPARATORS.sub("_", _CAMEL.sub("_", name)).strip("_").lower()
    return _SECRET_NAME.search(snake) is not None


def mask(value: JSON, *, key: bytes = b"") -> str:
    """The text that stands for a secret value, with its fingerprint."""
    try:
        raw = canonical(value)
    except NotCanonical:
        # Only shown values get here that no digest covers; their Python form is stable enough.
        raw = repr(value).encode()
    fingerprint = hmac.new(key or b"countersign/redact", raw, hashlib.sha256).hexdigest()
    return f"[masked {fingerprint[:FINGERPRINT_CHARACTERS]}]"


def is_mask(value: JSON) -> TypeGuard[str]:
    """Whether this text stands in the place of a secret value."""
    return isinstance(value, str) and _MASKED.fullmatch(value) is not None


def has_mask(value: JSON) -> bool:
    """Whether such a text stands anywhere in the value, also within another text."""
    if isinstance(value, str):
        return _MASKED.search(value) is not None
    return any(has_mask(inner) for _, inner in _inner(value))


def _inner(value: JSON) -> Iterator[tuple[str | int, JSON]]:
    """The members of an object or list with their steps; nothing of other values."""
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _behind(shown: Any, original: Any) -> Iterator[tuple[str, JSON]]:
    """Each mask and the value that it stands for."""
    if is_mask(shown):
        yield shown, original
        return
    for step, inner in _inner(shown):
        yield from _behind(inner, original[step])


def _texts(value: JSON) -> Iterator[str]:
    """What the texts and numbers of a value say."""
    for _, inner in _inner(value):
        yield from _texts(inner)
    if not isinstance(value, dict | list | tuple) and (text := _text(value)).strip():
        yield text


def _text(value: JSON) -> str:
    """A text or number as it is written; nothing for true, false and null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        return canonical(value).decode()
    except NotCanonical:
        return repr(value)


def _words(value: JSON) -> Iterator[str]:
    """What texts, numbers and names say without their masks, and each piece of an address."""
    for name, inner in _inner(value):
        yield from _words(name) if isinstance(name, str) else ()
        yield from _words(inner)
    if isinstance(value, dict | list | tuple):
        return
    for text in _MASKED.split(_text(value)):
        pieces = _SEPARATOR.split(text)
        yield from {text, *pieces, *map(unquote, pieces), *map(unquote_plus, pieces)} - {""}


def _stand_ins(shown: Any, original: Any, mark: str = "") -> JSON:
    """The document with masks for the texts and numbers that are hidden, in their objects."""
    mark = mark or (shown if is_mask(shown) else "")
    if isinstance(original, dict):
        return {
            name: _stand_ins(None if mark else shown[name], inner, mark)
            for name, inner in original.items()
        }
    if isinstance(original, list | tuple):
        return [
            _stand_ins(None if mark else shown[at], inner, mark)
            for at, inner in enumerate(original)
        ]
    return mark or original


def _is_long(text: str) -> bool:
    return len(text.strip()) >= SHORTEST_INSIDE_CHARACTERS


def _forms(text: str) -> set[str]:
    """The text as it is, within JSON, and within HTML."""
    quoted = (json.dumps(text, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False))
    return {text, html.escape(text), *quoted}


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _restored(edited: JSON, known: Mapping[str, JSON], path: tuple[str | int, ...]) -> JSON:
    if is_mask(edited):
        if edited not in known:
            raise StrayMask(pointer(path))
        return known[edited]
    if isinstance(edited, dict):
        return {step: _restored(inner, known, (*path, step)) for step, inner in edited.items()}
    if isinstance(edited, list | tuple):
        return [_restored(inner, known, (*path, step)) for step, inner in enumerate(edited)]
    return edited


def _moved(edited: Any, again: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Where a mask was put whose value would not be masked there."""
    if is_mask(edited):
        if again != edited:
            yield path
    elif not is_mask(again):
        for step, inner in _inner(edited):
            yield from _moved(inner, again[step], (*path, step))


def _redacted(
    value: JSON, patterns: list[tuple[str, ...]], *, key: bytes, by_name: bool = True
) -> JSON:
    if isinstance(value, dict):
        return {
            name: _member(name, inner, patterns, key=key, by_name=by_name)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _member(str(index), inner, patterns, key=key, by_name=by_name, is_item=True)
            for index, inner in enumerate(value)
        ]
    return value


def _member(
    step: str,
    value: JSON,
    patterns: list[tuple[str, ...]],
    *,
    key: bytes,
    by_name: bool,
    is_item: bool = False,
) -> JSON:
    deeper = [pattern[1:] for pattern in patterns if pattern and pattern[0] in (step, "*")]
    if value is None or is_mask(value):
        # What was masked before keeps its fingerprint.
        return value
    if () in deeper or (by_name and not is_item and is_secret_name(step)):
        return mask(value, key=key)
    return _redacted(value, deeper, key=key, by_name=by_name)
