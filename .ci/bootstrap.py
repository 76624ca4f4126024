"""Makes the virtual environment from a hashed lock, with the standard library alone.

usage: python3 .ci/bootstrap.py LOCK STAMP. Does nothing when the stamp matches the lock.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
INSTALLER_LOCK = ROOT / "requirements-bootstrap.lock"


def run(*arguments: str) -> None:
    """Run a module of the environment's Python; its failure is ours."""
    subprocess.run([str(PYTHON), "-m", *arguments], check=True)


def main(lock: Path, stamp: Path) -> None:
    """Install what the lock names, unless the stamp says that it is there already."""
    if sys.version_info < (3, 11):
        sys.exit("Countersign needs Python 3.11 or newer; set PYTHON=… to one.")
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        stamp.touch()
        return
    print("Installing the locked packages into .venv (once; about a minute)…", flush=True)
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    quiet = ("-q", "--disable-pip-version-check", "--require-hashes")
    run("pip", "install", *quiet, "-r", str(INSTALLER_LOCK))
    # The development lock holds the runtime's packages as well: add, never remove.
    run("uv", "pip", "install", "-q", "--python", str(PYTHON), "--require-hashes", "-r", str(lock))
    stamp.write_text(wanted)


if __name__ == "__main__":
    main(ROOT / sys.argv[1], ROOT / sys.argv[2])
