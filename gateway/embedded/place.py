"""Where the embedded queue listens: a unix socket that only its owner may enter."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

# The kernel takes 104 bytes on macOS and 108 on Linux, the closing zero included.
LONGEST_PATH = 100


class UnsafeFolder(Exception):
    """The folder for the socket belongs to somebody else or is open to others."""


def socket_path(data_dir: Path) -> Path:
    """The socket in the data folder; where that path is too long, a private folder beside /tmp."""
    path = data_dir / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"countersign-{os.getuid()}-{mark}" / "redis.sock"


def make_private(folder: Path) -> None:
    """Make the folder with mode 0700; raises UnsafeFolder where others own it or may enter it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    others_may = stat.S_IMODE(found.st_mode) & 0o077
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or others_may:
        raise UnsafeFolder(f"{folder} must be a folder of its own with mode 0700: chmod 700 it.")
