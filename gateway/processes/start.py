"""From a wish to a running tree: lock, sockets, queue, migrations, demo; then `exec`."""

import fcntl
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import OperationalError

from approvals import digest
from gateway.board import setup_code
from gateway.demo import kept
from gateway.demo.seeded import Seeded
from gateway.embedded.place import UnsafeFolder, make_private, socket_path
from gateway.processes import banner, plan, sockets
from gateway.processes.children import CALLS_WITHIN_S, spawn
from gateway.processes.tree import Plan, Watcher

# A tree that is asked to end waits for its workers' calls.
OLD_TREE_S = CALLS_WITHIN_S + 10.0
QUEUE_START_S = 10.0
PAUSE_S = 0.02


class CannotStart(Exception):
    """The tree cannot start here; the message says what to do."""


@dataclass(frozen=True)
class _Prepared:
    """What the tree takes over from the preparation."""

    watcher: Watcher
    adopted: dict[str, int]
    text: str
    parent: int


@dataclass(frozen=True)
class Wish:
    """What `up` was asked for."""

    host: str
    port: int
    web: int
    intake: int
    intake_port: int
    workers: int
    demo: bool
    ends_with_parent: bool


def run(wish: Wish) -> NoReturn:
    """Prepare everything and become the tree; raises CannotStart."""
    os.umask(0o077)
    parent = os.getppid() if wish.ends_with_parent else 0
    public_url = _public_url(wish)
    lock = _lock_data_dir()
    web = _listen(wish.host, wish.port)
    intake = _listen(wish.host, wish.intake_port) if wish.intake else -1
    watcher = Watcher(plan.watcher(lock))
    watcher.start()
    # Its address has to be known to the processes that start before the demo is seeded.
    port = sockets.kept_port(settings.DATA_DIR / "demo" / "port") if wish.demo else 0
    early = _start_web(web, watcher, allow=[f"127.0.0.1:{port}"] if port else [])
    adopted = {"web": early.pid}
    is_embedded = settings.REDIS_URL == settings.EMBEDDED_REDIS_URL
    if is_embedded:
        adopted["redis"] = _start_queue(watcher)
    _migrate()
    seeded = _seed(wish, public_url, port) if _wants_demo(wish) else None
    early.go()
    shape = plan.Shape(
        web_socket=web,
        web=wish.web,
        intake=wish.intake,
        intake_socket=intake,
        workers=wish.workers,
        embedded_queue=is_embedded,
        demo=seeded.service if seeded else None,
    )
    text = banner.text(
        public_url, seeded=seeded, intake_port=wish.intake_port * bool(wish.intake),
        setup_code=setup_code.make(),
    )  # fmt: skip
    prepared = _Prepared(watcher, adopted, text, parent)
    _become_the_tree(shape, prepared, ready_at=(wish.host, wish.port))


def _wants_demo(wish: Wish) -> bool:
    """Whether there is to be a demo: `manage.py demo` brings back one that somebody removed."""
    return wish.demo and not kept.read().is_removed


def _public_url(wish: Wish) -> str:
    """The address people use; of the default, the port is the one that was asked for."""
    if "COUNTERSIGN_PUBLIC_URL" not in os.environ:
        os.environ["COUNTERSIGN_PUBLIC_URL"] = f"http://localhost:{wish.port}"
        settings.PUBLIC_URL = os.environ["COUNTERSIGN_PUBLIC_URL"]  # for what is seeded below
    return str(settings.PUBLIC_URL)


def _lock_data_dir() -> int:
    """Hold the data folder until the last process of the tree is gone; the lock's descriptor."""
    try:
        plan.private_data_dir(settings.DATA_DIR)
        make_private(socket_path(settings.DATA_DIR).parent)
    except (PermissionError, UnsafeFolder) as error:
        raise CannotStart(str(error)) from error
    lock = os.open(settings.DATA_DIR / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + OLD_TREE_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                running = os.pread(lock, 20, 0).decode() or "?"
                raise CannotStart(
                    f"Countersign runs already in {settings.DATA_DIR} (process {running}). Stop "
                    f"it, or name another folder in COUNTERSIGN_DATA_DIR."
                ) from None
            time.sleep(PAUSE_S)
        else:
            break
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    os.set_inheritable(lock, True)
    return lock


def _listen(host: str, port: int) -> int:
    try:
        return sockets.listen(host, port).detach()
    except OSError as error:
        raise CannotStart(
            f"Cannot listen on {host}:{port}: {error.strerror}. PORT=8123 make run, or --port 8123."
        ) from error


def _start_queue(watcher: Watcher) -> int:
    """Start the embedded queue and wait until it answers; its process id."""
    path = socket_path(settings.DATA_DIR)
    path.unlink(missing_ok=True)
    process = spawn(plan.queue())
    watcher.add(process.pid)
    give_up = time.monotonic() + QUEUE_START_S
    while time.monotonic() < give_up and process.poll() is None:
        if sockets.says_pong(path):
            return process.pid
        time.sleep(PAUSE_S)
    raise CannotStart(f"The embedded queue does not start: see {settings.DATA_DIR / 'redis.log'}.")


@dataclass(frozen=True)
class _EarlyWeb:
    """A web process that waits for its word."""

    pid: int
    pipe: int

    def go(self) -> None:
        """Let it serve; if it ended meanwhile, the tree starts another."""
        with suppress(BrokenPipeError):
            os.write(self.pipe, b"1")
        os.close(self.pipe)


def _start_web(descriptor: int, watcher: Watcher, *, allow: list[str]) -> _EarlyWeb:
    """Begin the first web process, so that it loads while everything else is prepared."""
    _prepare_environment()
    waiting, pipe = os.pipe()
    spec = plan.early_web(descriptor, waiting, verify_key=_verify_key(), allow=allow)
    process = spawn(spec)
    os.close(waiting)
    watcher.add(process.pid)
    return _EarlyWeb(process.pid, pipe)


def _prepare_environment() -> None:
    """Children find the project wherever `up` was started from."""
    os.environ["PYTHONPATH"] = _python_path()
    os.environ["DJANGO_SETTINGS_MODULE"] = "gateway.settings"
    os.environ["COUNTERSIGN_DATA_DIR"] = str(settings.DATA_DIR)


def _verify_key() -> str:
    signing = settings.APPROVAL_SIGNING_KEY
    return settings.APPROVAL_VERIFY_KEY or (digest.public_key(signing) if signing else "")


def _migrate() -> None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            if settings.MIGRATION_DATABASE_URL:
                _migrate_as_owner()
            else:
                call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as error:
        raise CannotStart(f"The database cannot be reached: {error}") from error


def _migrate_as_owner() -> None:
    """In a process of its own: this one and its children never hold the owner's connection."""
    command = [sys.executable, plan.MANAGE, "migrate", "--verbosity", "0", "--no-input"]
    # S603: a fixed list of our own.
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:  # noqa: S603
        raise CannotStart("The migrations failed; the lines above say why.")


def _seed(wish: Wish, public_url: str, port: int) -> Seeded:
    """The demo's tenant, with its service on a port that stays the same while it can."""
    # Its factories are no part of an installation that wants no demo.
    from gateway.demo import services as demo  # noqa: PLC0415

    return demo.seed(
        service_port=port, public_url=public_url, web_url=f"http://127.0.0.1:{wish.port}"
    )


def _become_the_tree(
    shape: plan.Shape, prepared: _Prepared, *, ready_at: tuple[str, int]
) -> NoReturn:
    watcher = prepared.watcher
    assert watcher.process is not None
    assert watcher.pipe is not None
    tree = Plan(
        specs=plan.specs(shape, verify_key=_verify_key()),
        watcher=watcher.spec,
        banner=prepared.text,
        ready_at=ready_at,
        adopted=prepared.adopted,
        watcher_pid=watcher.process.pid,
        watcher_pipe=_stays_open(watcher.pipe.fileno()),
        parent=prepared.parent,
    )
    connections.close_all()
    for name in plan.ROLES:  # no child needs them any more; each has its own
        os.environ.pop(name, None)
    command = [sys.executable, "-m", "gateway.processes.tree", str(_pipe_with(tree.to_json()))]
    os.execv(sys.executable, command)  # noqa: S606 - our own program, with the list above


def _stays_open(descriptor: int) -> int:
    os.set_inheritable(descriptor, True)
    return descriptor


def _pipe_with(text: str) -> int:
    """A descriptor from which the text can be read after the `exec`; it never touches a disk."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(text)  # the kernel's buffer of 64 KiB takes it at once
    return _stays_open(reading)


def _python_path() -> str:
    return os.pathsep.join([str(settings.BASE_DIR), *filter(None, [os.environ.get("PYTHONPATH")])])
