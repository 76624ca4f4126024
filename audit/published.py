"""What was published, kept outside the database: whoever can write there cannot rewrite this.

In `COUNTERSIGN_DATA_DIR/audit`, mode 0700 and files 0600: `public-keys`, one in hexadecimal a line,
the present one last; `key-rotations.txt`, how they follow each other; and for each log a folder
with `newest`, the last checkpoint, and `checkpoints.txt`, all of them, to which is only appended. A
checkpoint is here before it is in the database or seen by anybody.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from audit import checkpoints
from audit.checkpoints import BadNote, Head

NEWEST = "newest"
ALL = "checkpoints.txt"
KEYS = "public-keys"
ROTATIONS = "key-rotations.txt"
NAME = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


class UnknownKey(Exception):
    """A key would sign that nobody announced."""


def folder() -> Path:
    """Where it is kept."""
    return Path(settings.AUDIT_DIR)


def logs() -> list[str]:
    """The logs of which something was published."""
    return sorted(path.parent.name for path in folder().glob(f"*/{ALL}"))


def public_keys() -> list[str]:
    """Every key that has signed here, in hexadecimal, the first one first."""
    try:
        return (folder() / KEYS).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def documents() -> dict[str, str]:
    """What belongs to an export besides records and checkpoints, by the name of its file."""
    found = {KEYS: "".join(f"{key}\n" for key in public_keys())}
    if (announced := folder() / ROTATIONS).exists():
        found[ROTATIONS] = announced.read_text(encoding="utf-8")
    return found


def announce_key(public_hex: str) -> bool:
    """Tell all processes of this machine which key signs first; False where they know.

    Raises UnknownKey for one that does not follow the last one by an announcement.
    """
    known = public_keys()
    if known and known[-1] == public_hex:
        return False
    if known:
        raise UnknownKey(
            f"key {public_hex[:16]}… is not the one that signs here ({known[-1][:16]}…): "
            f"`manage.py audit_rotate_key` announces another one"
        )
    _append(folder() / KEYS, f"{public_hex}\n")
    return True


def announce(public_hex: str, note: str) -> None:
    """Keep the announcement of a key, and have it sign from now on."""
    _append(folder() / ROTATIONS, f"{note}\n")
    _append(folder() / KEYS, f"{public_hex}\n")


def rotations() -> list[str]:
    """The announcements of keys, in their order."""
    path = folder() / ROTATIONS
    return list(notes(path)) if path.exists() else []


def newest(log: str) -> Head | None:
    """The last checkpoint that was published; raises BadNote where the file holds another text.

    No signature is checked: the file is trusted for what the database is not.
    """
    try:
        return checkpoints.parse((_place(log) / NEWEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def publish(head: Head, note: str) -> None:
    """Keep a checkpoint before anybody sees it. Repeats harmlessly."""
    if newest(head.log) == head:
        return
    _append(_place(head.log) / ALL, f"{note}\n")
    _replace(_place(head.log) / NEWEST, note)


def entries(log: str) -> Iterator[Head | None]:
    """All published checkpoints of a log in their order; None for one that cannot be read.

    A crash while one was written leaves such a one, and the next start writes it anew.
    """
    path = _place(log) / ALL
    if path.exists():
        yield from read(path)


def read(path: Path) -> Iterator[Head | None]:
    """The checkpoints in a file, one after the other; None for one that cannot be read."""
    return map(_parsed, notes(path))


def notes(path: Path) -> Iterator[str]:
    """The signed notes in a file as they stand; an empty one for what a crash cut at its end."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        entry: list[str] = []
        for line in lines:
            if line == "\n" and entry and entry[-1].startswith(checkpoints.DASH):
                yield "".join(entry)
                entry = []
            else:
                entry.append(line)
        if entry:
            yield ""


def _place(log: str) -> Path:
    """The folder of a log; raises BadNote for a name that could lead elsewhere."""
    if not NAME.fullmatch(log):
        raise BadNote(f"{log[:40]!r} is no name of a log")
    return folder() / log


def _parsed(note: str) -> Head | None:
    # What was cut by a crash stands in front of the next one, which begins with its origin.
    start = note.rfind(f"\n{checkpoints.ORIGIN}") + 1
    try:
        return checkpoints.parse(note[start:])
    except BadNote:
        return None


def _append(path: Path, text: str) -> None:
    for place in (folder(), path.parent):  # parents would be made with the mode of the process
        place.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            text = f"\n{text}"  # a crash cut the last line
        content = text.encode()
        if os.write(descriptor, content) != len(content):
            raise OSError(f"{path} could not be written: the disk is full")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
