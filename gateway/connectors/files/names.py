"""Names of files that stay in their folder (pure).

A name is refused, never mended: what a person approved is what a store gets.
"""

import re
import unicodedata
from typing import Any

from gateway.tools.render import RenderError

MAX_KEY_BYTES = 900
MAX_NAME = 200
# A store, or what reads from it, may decode a name once more.
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_QUOTING = re.compile(r'["<>|?*:]')
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def path(field: str, value: Any) -> str:
    """A relative path of plain steps; raises RenderError for any other."""
    text = _visible(field, value)
    if len(text.encode()) > MAX_KEY_BYTES:
        raise RenderError(field, f"the name is longer than {MAX_KEY_BYTES} bytes")
    if any(step.strip() in ("", ".", "..") or step != step.strip() for step in text.split("/")):
        raise RenderError(field, "no step may be empty, “.” or “..”, and none begins the path")
    return text


def name(field: str, value: Any) -> str:
    """The name of one file, without a folder; raises RenderError for any other."""
    text = path(field, value)
    if "/" in text or _QUOTING.search(text):
        raise RenderError(field, "a plain file name is needed")
    if len(text) > MAX_NAME:
        raise RenderError(field, f"the name is longer than {MAX_NAME} characters")
    return text


def _visible(field: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise RenderError(field, "a name is needed")
    if "\\" in value or _ENCODED.search(value):
        raise RenderError(field, "no backslash, and nothing percent-encoded")
    if any(unicodedata.category(character) in _UNSEEN for character in value):
        raise RenderError(field, "the name holds characters that nobody sees")
    return value
