"""Bytes that are kept compressed: LZ4 frames, as `lz4 -d` and every language read them.

Most of a webhook is JSON, which takes a quarter of its bytes or less in microseconds, and a
database spends more on writing a page than that. The one module that knows the library, and none
that needs Django: the process that commits to SQLite loads it.
"""

import lz4.frame

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
