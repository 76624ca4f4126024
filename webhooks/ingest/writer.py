"""The process that commits events to SQLite: a statement in, an answer out.

It also packs the bodies and makes their digests, which would take a tenth of the time that the
event loop has for a webhook. A thread would do the same, but it and the event loop would wait for
the interpreter's lock in turns (docs/decisions.md). `stores.SqliteStore` starts this file by its
path and speaks to it over a socket; when the other end is gone, so is this process, after what it
is just committing.

A request is its length, then in `marshal`'s form (both ends are one Python): the statement's
number, its text where the number is new, the values, which of them are bodies, and which follow as
raw bytes, with their lengths. An answer is its length, then the count of rows and the first row, or
an error's name and words.
"""

import hashlib
import marshal
import signal
import socket
import sqlite3
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

LENGTH = struct.Struct("<I")
# Values from this length on travel beside the request: `marshal` would copy them several times.
LARGE_BYTES = 2 * 1024
CACHED_STATEMENTS = 400
# SQLite keeps what was bound to a cached statement last, and there is one for each size of batch:
# values from this length on go through a connection that remembers none.
UNCACHED_BYTES = 64 * 1024
BUSY_S = 5.0
# SQLite's own waiting grows to 100 ms a try, so that whoever asks more often starves the others.
# Senders wait for this one, workers wait for nobody: it asks most often.
BUSY_PAUSE_S = 0.001

# The values that travel beside a request: place and length of each.
Beside = list[tuple[int, int]]
Pack = Callable[[bytes], bytes]


def keep(values: list[Any], bodies: Sequence[int], pack: Pack) -> None:
    """Turn the bodies at these places into what is kept: packed, and their digest in hexadecimal
    digits in the next place, unless it is there already."""
    for place in bodies:
        body = values[place]
        values[place] = pack(body)
        values[place + 1] = values[place + 1] or hashlib.sha256(body).hexdigest()


def request(
    number: int, text: str | None, values: Sequence[Any], bodies: tuple[int, ...]
) -> list[bytes]:
    """A request as it travels, in pieces to be sent one after the other, or together."""
    inside, beside, large = list(values), [], []
    for place, value in enumerate(values):
        if isinstance(value, bytes) and len(value) >= LARGE_BYTES:
            inside[place] = None
            beside.append((place, len(value)))
            large.append(value)
    packed = marshal.dumps((number, text, inside, bodies, beside))
    head = LENGTH.pack(len(packed))
    return [head + packed, *large]


def open_sqlite(path: str, *, cached: int = CACHED_STATEMENTS) -> sqlite3.Connection:
    """A connection whose every commit is on the disk before it returns."""
    opened = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=cached)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        opened.execute(f"PRAGMA {pragma}")
    return opened


def serve(line: socket.socket, path: str, pack: Pack) -> None:
    """Answer until the other end is gone."""
    opened: dict[int, sqlite3.Connection] = {}
    texts: dict[int, str] = {}
    while head := _read(line, LENGTH.size, may_end=True):
        (length,) = LENGTH.unpack(head)
        number, values, bodies = _request(line, length, texts)
        answer: tuple[int | str, Any]
        try:
            keep(values, bodies, pack)
            answer = _executed(opened, path, texts[number], values)
        except Exception as error:  # whatever it is, the other end decides what follows
            answer = (type(error).__name__, str(error))
        # Megabytes perhaps, which would be there until the next are.
        del values
        told = marshal.dumps(answer)
        line.sendall(LENGTH.pack(len(told)) + told)


def _request(
    line: socket.socket, length: int, texts: dict[int, str]
) -> tuple[int, list[Any], tuple[int, ...]]:
    """The rest of a request: the statement's number, the values, which of them are bodies."""
    packed = _read(line, length)
    number, text, values, bodies, beside = marshal.loads(packed)  # noqa: S302 - our own process
    for place, size in beside:
        values[place] = _read(line, size)
    if text is not None:
        texts[number] = text
    return number, values, bodies


def _executed(
    opened: dict[int, sqlite3.Connection], path: str, text: str, values: list[Any]
) -> tuple[int, Any]:
    """Execute on one of two connections, opened here because that may have to wait, too."""
    give_up = time.monotonic() + BUSY_S
    size = sum(len(value) for value in values if isinstance(value, bytes | bytearray))
    cached = CACHED_STATEMENTS if size < UNCACHED_BYTES else 0
    while True:
        try:
            if cached not in opened:
                opened[cached] = open_sqlite(path, cached=cached)
            cursor = opened[cached].execute(text, values)
            return cursor.rowcount, cursor.fetchone() if cursor.description else None
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > give_up:
                raise
            time.sleep(BUSY_PAUSE_S)


def _is_busy(error: sqlite3.Error) -> bool:
    # The low byte: another may just be recovering the log that a crash left (SQLITE_BUSY_RECOVERY).
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _read(line: socket.socket, length: int, *, may_end: bool = False) -> bytearray:
    """So many bytes; none where the other end hung up before the first and may do so."""
    found = bytearray(length)
    view = memoryview(found)
    while len(view):
        count = line.recv_into(view)
        if not count and may_end and len(view) == length:
            return bytearray()
        if not count:
            raise ConnectionResetError("The other end hung up in the middle of a request.")
        view = view[count:]
    return found


def main() -> None:
    """Serve; the arguments are the socket, the database and the folders that modules are in."""
    # The intake is told to stop, and stops this one by hanging up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Without site's work a process starts within a blink; this is what it would have found.
    sys.path[:0] = sys.argv[3:]
    from gateway.lib.packing import packed  # noqa: PLC0415 - found only now

    try:
        serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2], packed)
    except OSError:  # the other end is gone while we answer
        return


if __name__ == "__main__":
    main()
