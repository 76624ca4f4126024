"""Texts as the explorer of the log shows them: whatever a reader would not see is an escape.

What is printable for Python may still show as nothing. The log knows nothing above it, so these
ranges repeat those of `gateway.lib.visible`; a test holds each code point against it.
"""

import re

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd"
    "\U000e0100-\U000e01ef]"
)


def escaped(text: str) -> str:
    """The text with everything escaped that does not show as what it is."""
    return "".join(
        character if character.isprintable() and not _UNSEEN.match(character)
        else character.encode("unicode_escape").decode()
        for character in text
    )  # fmt: skip
