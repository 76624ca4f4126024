"""Bytes that are kept compressed: LZ4 frames, as `lz4 -d` and every language read them.

Most of a webhook is JSON, which takes a quarter of its bytes or less in microseconds, and a
database spends more on writing a page than that. The one module that knows the library.
"""

from typing import Any

import lz4.frame
from django.db import models

# How every LZ4 frame begins (LZ4 Frame Format Description, "Magic Number").
MAGIC = b"\x04\x22\x4d\x18"
# Shorter ones gain next to nothing. Longer ones are left as they are: packing one would take an
# event loop's time, and who reads many of them at once bounds them by the bytes that are stored.
LEAST_BYTES = 512
MOST_BYTES = 32 * 1024


def packed(raw: bytes) -> bytes:
    """The bytes as they are kept: a frame where that is shorter, else themselves.

    What looks like a frame by itself is always put into one, so that nothing is taken for what it
    is not.
    """
    if LEAST_BYTES <= len(raw) <= MOST_BYTES or raw.startswith(MAGIC):
        frame: bytes = lz4.frame.compress(raw)
        if len(frame) < len(raw) or raw.startswith(MAGIC):
            return frame
    return raw


def unpacked(kept: bytes) -> bytes:
    """The bytes that were given to `packed`.

    A frame that was damaged since is given back as it is: one row must not keep all others of a
    list from being read, and its digest tells that these bytes are not what came.
    """
    if not kept.startswith(MAGIC):
        return kept
    try:
        return bytes(lz4.frame.decompress(kept))
    except (RuntimeError, EOFError):
        return kept


class PackedField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes that are packed on their way into the database and unpacked on their way out.

    SQL sees them as they are kept, and so do migrations: to both it is a field of bytes.
    """

    def deconstruct(self) -> Any:
        """As a field of bytes: to pack a column or not changes nothing about the column."""
        name, _, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """The value as it is kept."""
        kept = None if value is None else packed(bytes(value))
        return super().get_db_prep_value(kept, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> bytes | None:
        """The value as it was given."""
        return None if value is None else unpacked(bytes(value))
