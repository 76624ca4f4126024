"""A really started `manage.py up`: folder and ports of its own, looked at from outside only.

The queue is the embedded one, or the fallback. The database is the one of the test run: a SQLite
file of the tree, or a fresh database on the PostgreSQL that `DATABASE_URL` names.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psycopg

from gateway.embedded.redis import FALLBACK_ONLY
from tests.certificates import TRUSTED
from tests.migrated import MANAGE, ROOT, SQLITE, migrate, migrated_file, shell, state

# On a busy machine the processes alone take a minute to import what they need.
START_S = 180.0
# Workers wait for their calls.
STOP_S = 40.0
WAIT_S = 30.0
POLL_S = 0.05
LOG_TAIL = 6000
# How each child is called in the list of processes.
CHILDREN = {
    "web": "gateway.processes.web",
    "intake": "gateway.processes.intake",
    "worker": "gateway.worker",
    "scheduler": " scheduler",
    "redis": "redis-server",
    "fallback": "gateway.embedded.fallback",
    "demo": "demo_service",
}

T = TypeVar("T")


def until(
    found: Callable[[], T | None], what: str, *, within_s: float = WAIT_S, poll_s: float = POLL_S
) -> T:
    """What the condition gives once it is true; raises AssertionError when the time is over."""
    give_up = time.monotonic() + within_s
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > give_up:
            raise AssertionError(
                f"{what}: not within {within_s:.0f} s; the last look gave {value!r}"
            )
        time.sleep(poll_s)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with_sockets = [socket.socket() for _ in range(count)]
    try:
        for one in with_sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in with_sockets]
    finally:
        for one in with_sockets:
            one.close()


@dataclass
class Tree:
    """A running tree, with what a test needs to look at it, use it and hurt it."""

    folder: Path
    port: int
    environment: dict[str, str]
    options: list[str]
    process: subprocess.Popen[bytes] | None = None
    allow: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where web answers."""
        return f"http://localhost:{self.port}"

    @property
    def data_dir(self) -> Path:
        """The data folder of the tree."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """Everything that the tree and its children wrote."""
        return self.folder / "tree.log"

    def log(self) -> str:
        """The whole log."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it and wait until it is ready for work."""
        command = [*MANAGE, "up", "--port", str(self.port), *self.options]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self._is_ready, "the tree is ready", within_s=START_S)

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the tree ended by itself:\n{self.log()[-LOG_TAIL:]}")
        return self.answers("/readyz")

    def answers(self, path: str) -> bool:
        """Whether web answers this address with 200 now."""
        try:
            answer = httpx.get(self.url + path, timeout=5, verify=TRUSTED)
            return answer.status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Ask it to stop and wait; nothing of it may be left."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.process = None
        assert_gone(self)

    def destroy(self) -> None:
        """End whatever is left, by process id, so that a failed test leaves nothing behind."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        give_up = time.monotonic() + STOP_S
        while (left := self.processes()) and time.monotonic() < give_up:
            time.sleep(POLL_S)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self) -> dict[int, str]:
        """Every living process that belongs to this tree's data folder, with its command line."""
        return dict(_belonging_to(self.data_dir))

    def pids(self, child: str) -> list[int]:
        """The process ids of one kind of child."""
        return [pid for pid, line in self.processes().items() if CHILDREN[child] in line]

    def kill(self, child: str) -> int:
        """kill -9 the one child of this kind, by its id, which is given back."""
        (pid,) = until(lambda: self.pids(child), f"there is a {child}")
        os.kill(pid, signal.SIGKILL)
        return pid

    def manage(self, *arguments: str, **more_environment: str) -> str:
        """What a management command prints, run with the settings of this tree."""
        done = subprocess.run(
            [*MANAGE, *arguments], env=self.environment | more_environment, cwd=ROOT,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def bootstrap(self, tenant: str = "harbour", email: str = "ana@example.com") -> dict[str, Any]:
        """The first tenant with its admin: tenant, environment, email, password, api_key."""
        printed = self.manage("bootstrap", "--tenant", tenant, "--email", email, "--json")
        return dict(json.loads(printed.strip().splitlines()[-1]))

    def client(self, api_key: str) -> httpx.Client:
        """A client of the REST API by a key."""
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {api_key}"},
            timeout=30, follow_redirects=False, verify=TRUSTED,
        )  # fmt: skip

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement in the tree's database: to move a row's deadline, or to count."""
        url = self.environment.get("DATABASE_URL")
        if url:
            with psycopg.connect(url, autocommit=True) as connection:
                cursor = connection.execute(statement)  # type: ignore[arg-type]
                return cursor.fetchall() if cursor.description else []
        connection = sqlite3.connect(self.data_dir / SQLITE, timeout=20)
        try:
            with connection:
                return list(connection.execute(statement).fetchall())
        finally:
            connection.close()


def assert_gone(tree: Tree) -> None:
    """No process of the tree may be left."""
    until(lambda: not tree.processes(), f"no process is left of {tree.data_dir}", within_s=STOP_S)


@contextmanager
def started(
    *options: str,
    allow: list[str] | None = None,
    fallback: bool = False,
    settings: dict[str, str] | None = None,
    prepare: Callable[[dict[str, str]], dict[str, str]] = lambda environment: {},
    first: bool = False,
) -> Iterator[Tree]:
    """A tree that is ready, and is gone afterwards; `allow` are the host:port it may reach.

    Its database is migrated already, which takes longest of all at a `first` start.

    `settings` are variables of its environment: a queue or a database of the test's own. `prepare`
    is called with the environment, database included, before the tree starts, and gives more.
    """
    folder = Path(tempfile.mkdtemp(prefix="countersign-flow-"))
    (port,) = free_ports(1)
    with _database(folder, first=first) as url:
        environment = _environment(folder, port, allow=allow or [], fallback=fallback)
        if url:
            environment["DATABASE_URL"] = url
        environment |= settings or {}
        environment |= prepare(environment)
        tree = Tree(folder, port, environment, list(options))
        try:
            tree.start()
            yield tree
            tree.stop()
        except BaseException:
            if tree.log_file.exists():
                # T201: the only trace of what happened, for whoever reads the failure.
                print(tree.log()[-LOG_TAIL:])  # noqa: T201
            raise
        finally:
            tree.destroy()
            shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, port: int, *, allow: list[str], fallback: bool) -> dict[str, str]:
    """That of a stranger's shell: nothing of the test run's own settings."""
    found = shell()
    found["COUNTERSIGN_DATA_DIR"] = str(folder / "data")
    found["COUNTERSIGN_PUBLIC_URL"] = f"http://localhost:{port}"
    if allow:
        found["COUNTERSIGN_OUTBOUND_ALLOW"] = ",".join(allow)
    if fallback:
        found[FALLBACK_ONLY] = "1"
    return found


@contextmanager
def _database(folder: Path, *, first: bool) -> Iterator[str]:
    """A fresh database on the run's PostgreSQL; on SQLite a file in the folder, and no URL."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        if not first:
            (folder / "data").mkdir(mode=0o700)
            shutil.copy(migrated_file(), folder / "data" / SQLITE)
        yield ""
        return
    name = f"flow_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        _create(connection, name, like="template1" if first else _migrated_database(server))
    try:
        yield _beside(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


@cache
def _migrated_database(server: str) -> str:
    """Of this server, made by whichever process of the test run comes first."""
    name = f"flow_migrated_{state()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if not _exists(connection, name):
            making = f"{name}_making"
            connection.execute(f'DROP DATABASE IF EXISTS "{making}"')  # type: ignore[arg-type]
            _create(connection, making, like="template1")
            with tempfile.TemporaryDirectory(prefix="countersign-flow-") as folder:
                environment = _environment(Path(folder), 0, allow=[], fallback=False)
                migrate(environment | {"DATABASE_URL": _beside(server, making)})
            connection.execute(f'ALTER DATABASE "{making}" RENAME TO "{name}"')  # type: ignore[arg-type]
    return name


def _exists(connection: psycopg.Connection[Any], name: str) -> bool:
    asked = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    return asked.fetchone() is not None


def _create(connection: psycopg.Connection[Any], name: str, *, like: str) -> None:
    statement = f'CREATE DATABASE "{name}" TEMPLATE "{like}"'
    connection.execute(statement)  # type: ignore[arg-type]


def _beside(server: str, name: str) -> str:
    """The URL of another database there; by hand, as `urlunsplit` drops slashes without a host."""
    parts = urlsplit(server)
    return f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"


def _belonging_to(folder: Path) -> Iterator[tuple[int, str]]:
    """By environment, working folder or command line: Redis overwrites its own first two."""
    mark = os.fsencode(folder)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes()
            place = os.fsencode((entry / "cwd").readlink())
            known = (entry / "environ").read_bytes()
        except OSError:
            continue
        if line and (mark in line or mark in known or place == mark):
            yield int(entry.name), line.replace(b"\0", b" ").decode(errors="replace").strip()
