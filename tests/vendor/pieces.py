"""Checks of webhooks out of npm packages of third parties, which are not installed.

Only the files that check are kept: the packages themselves are large, or bring hundreds of others
with them. Never fails: without a registry the tests that need them are skipped, and say so.
"""

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vendor import install, packed

FOLDER = install.HERE / "described"


@dataclass(frozen=True)
class Piece:
    """The scripts of one package whose names begin with one of `members`.

    `integrity` is npm's own SHA-512 of the package.
    """

    package: str
    version: str
    members: tuple[str, ...]
    integrity: str
    is_commonjs: bool = False

    @property
    def path(self) -> Path:
        """Where they are kept; the version is part of the name, so another is fetched anew."""
        return FOLDER / f"{self.package}-{self.version}"


# Under n8n's Sustainable Use License: it is run here, neither changed nor passed on.
N8N = Piece(
    "n8n-nodes-base", "2.41.2",
    (
        "package/dist/nodes/Calendly/CalendlyTriggerHelpers",
        "package/dist/nodes/Typeform/TypeformTriggerHelpers",
        "package/dist/nodes/Zendesk/ZendeskTriggerHelpers",
        "package/dist/utils/webhook-signature-verification",
    ),
    "qUItyawxR1aR/t6Fgk0whYwBSDR+VOu5RkgAI3AElVI3dqPLLcCAawAMFc/N3GFG35//quOVRUwuc7a3mVLC0g==",
    is_commonjs=True,
)  # fmt: skip
NUXT = Piece(
    "nuxt-webhook-validators", "0.2.12",
    (
        "package/dist/runtime/server/lib/utils/",
        "package/dist/runtime/server/lib/validators/vercel",
    ),
    "wBceqmW3dYzg+6Jr7BUyA/gbU13q2lUm37tNAExr7o8KnMBaJLcgB5ko7s3ycNlj4WarENCZeKYJquLyaZNl6Q==",
)  # fmt: skip
ALL = (N8N, NUXT)


def address(piece: Piece) -> str:
    """The piece's folder as Node imports from it; skips the test where it was not fetched."""
    if not piece.path.exists():
        pytest.skip(install.ABSENT)
    return piece.path.as_uri()


def main() -> None:
    """Fetch what is not there yet."""
    for piece in ALL:
        if piece.path.exists():
            continue
        sys.stderr.write(f"Fetching {piece.package} for the tests of webhooks (once)…\n")
        try:
            _fetch(piece)
        except (OSError, AssertionError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or repr(error)
            sys.stderr.write(f"{install.ABSENT}\n{said[:500]}\n")


def _fetch(piece: Piece) -> None:
    half = FOLDER / f"{piece.path.name}.half"
    shutil.rmtree(half, ignore_errors=True)
    with packed.opened(piece.package, piece.version, piece.integrity) as package:
        for found in package:
            if _is_wanted(piece, found):
                _keep(half / found.name, packed.member(package, found.name))
    if piece.is_commonjs:
        # Else Node takes them for modules, as the package.json beside this file says.
        _keep(half / "package.json", b'{"type": "commonjs"}')
    # Whole or not at all: another process may be reading.
    half.rename(piece.path)


def _is_wanted(piece: Piece, found: tarfile.TarInfo) -> bool:
    return found.isfile() and found.name.endswith(".js") and found.name.startswith(piece.members)


def _keep(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
