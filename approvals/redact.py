"""Masking of secret fields, each with a short fingerprint that stays the same (pure)."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeGuard

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
    """Whether such a text stands anywhere in the value."""
    return is_mask(value) or any(has_mask(inner) for _, inner in _inner(value))


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


def _redacted(value: JSON, patterns: list[tuple[str, ...]], *, key: bytes) -> JSON:
    if isinstance(value, dict):
        return {
            name: _member(name, inner, patterns, key=key, by_name=True)
            for name, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _member(str(index), inner, patterns, key=key, by_name=False)
            for index, inner in enumerate(value)
        ]
    return value


def _member(
    step: str, value: JSON, patterns: list[tuple[str, ...]], *, key: bytes, by_name: bool
) -> JSON:
    deeper = [pattern[1:] for pattern in patterns if pattern and pattern[0] in (step, "*")]
    if value is None or is_mask(value):
        # What was masked before keeps its fingerprint.
        return value
    if () in deeper or (by_name and is_secret_name(step)):
        return mask(value, key=key)
    return _redacted(value, deeper, key=key)
