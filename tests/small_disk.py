"""A disk of a few megabytes that a test may fill up: a tmpfs, where one may be mounted."""

import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NOT_HERE = "NOT RUN: no tmpfs may be mounted here"
CHUNKS = (256 * 1024, 4096, 1)


@contextmanager
def mounted(folder: Path, *, megabytes: int, owner: int | None = None) -> Iterator[None]:
    """The folder is a small disk of its owner's; what was in it is out of sight meanwhile."""
    owner = os.geteuid() if owner is None else owner
    options = f"size={megabytes}m,uid={owner},mode=700"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip(NOT_HERE)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def skip_unless_mountable() -> None:
    """Skip a test before it has begun anything."""
    with (
        tempfile.TemporaryDirectory(prefix="countersign-disk-") as folder,
        mounted(Path(folder), megabytes=1),
    ):
        pass


class Ballast:
    """A file that takes all the room there is."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self) -> None:
        """Until not even a byte has room; again for what became free meanwhile."""
        with self.path.open("ab", buffering=0) as file:
            for size in CHUNKS:
                _append_all(file.fileno(), size)

    def lift(self) -> None:
        """Give the room back."""
        self.path.unlink()


def _append_all(descriptor: int, size: int) -> None:
    content = bytes(size)
    while True:
        try:
            os.write(descriptor, content)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return
