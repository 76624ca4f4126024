"""Starts each candidate exactly as the product does, on a socket that listens already."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.peers import hook
from bench.places import DRF, OURS, Place

START_S = 30.0
COMMANDS = {
    "fastapi": ["-m", "bench.peers.fastapi_receiver"],
    "drf": ["-m", "bench.peers.drf_receiver"],
    "uvicorn": ["-m", "gateway.processes.intake"],
    "daphne": ["-m", "gateway.processes.web"],
}
TITLES = {
    "fastapi": "FastAPI receiver",
    "drf": "DRF + dramatiq view",
    "webhook": "Debian's webhook",
    "limit": "one row a commit",
    "uvicorn": "Countersign, uvicorn",
    "daphne": "Countersign, daphne",
    "sqlite": "SQLite FULL",
    "postgresql": "PostgreSQL",
}


@dataclass(frozen=True)
class Candidate:
    """A server on a database, with or without a worker beside it; some peers have neither."""

    server: str
    database: str = ""
    has_worker: bool = False

    @property
    def name(self) -> str:
        """As the table shows it."""
        words = [TITLES[self.server], TITLES.get(self.database, "")]
        words.append("workers running" if self.has_worker else "")
        return ", ".join(word for word in words if word)

    @property
    def is_ours(self) -> bool:
        """Whether it is Countersign."""
        return self.server in {"uvicorn", "daphne"}


@dataclass
class Running:
    """A started server."""

    port: int
    process: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes] | None = None

    @contextmanager
    def worker_stopped(self) -> Iterator[None]:
        """The worker beside it does nothing meanwhile, where there is one."""
        if self.worker is None:
            yield
            return
        self.worker.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.worker.send_signal(signal.SIGCONT)

    def peak_mb(self) -> float:
        """The most memory that the server and its own processes ever held, in MB.

        Pages of files, the interpreter's and its libraries', are counted once: the server's own
        processes are of the same interpreter, and map the pages that the server has mapped.
        """
        own, *others = (_status(pid) for pid in self._family())
        apart = sum(_kb(one, "VmHWM") - _kb(one, "RssFile") for one in others)
        return (_kb(own, "VmHWM") + apart) / 1024

    def cpu_s(self) -> float:
        """Processor time that the server and its own processes used so far, in seconds."""
        return sum(map(_cpu_s, self._family()))

    def _family(self) -> list[int]:
        own = Path(f"/proc/{self.process.pid}/task")
        children = [(task / "children").read_text() for task in own.glob("*")]
        return [self.process.pid, *(int(pid) for text in children for pid in text.split())]


def _kb(status: dict[str, str], name: str) -> int:
    return int(status.get(name, "0 kB").split()[0])


def _status(pid: int) -> dict[str, str]:
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return {}


def _cpu_s(pid: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@contextmanager
def running(candidate: Candidate, place: Place) -> Iterator[Running]:
    """The candidate on a fresh database, answering, and killed at the end."""
    environment = place.environment | {"BENCH_SECRET": place.seeded["secret"]}
    if candidate.database:
        owner = OURS if candidate.is_ours else DRF
        environment["DATABASE_URL"] = place.database(candidate.database, owner)
    place.empty_queue()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port = listening.getsockname()[1]
        command = _command(candidate, place, listening)
        with started(command, environment, place, pass_fds=[listening.fileno()]) as process:
            server = Running(port, process)
            if not candidate.has_worker:
                _wait(server)
                yield server
                return
            with worker(environment, place) as server.worker:
                _wait(server)
                yield server


def _command(candidate: Candidate, place: Place, listening: socket.socket) -> list[str]:
    if candidate.server == hook.NAME:
        port = listening.getsockname()[1]
        listening.close()  # it can only bind by itself
        return hook.command(port, folder=place.folder, **place.seeded)
    return [sys.executable, *COMMANDS[candidate.server], "--fd", str(listening.fileno())]


@contextmanager
def started(
    command: list[str], environment: dict[str, str], place: Place, *, pass_fds: list[int]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes to the servers' log and is killed at the end."""
    with (place.folder / "servers.log").open("ab") as out:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            pass_fds=[number for number in pass_fds if number >= 0],
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def worker(environment: dict[str, str], place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """One worker process."""
    command = [sys.executable, "-m", "gateway.worker"]
    with started(command, environment, place, pass_fds=[]) as process:
        yield process


def _wait(server: Running) -> None:
    """Until it answers anything at all."""
    request = b"GET /webhooks/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up and server.process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1) as line:
            line.settimeout(give_up - time.monotonic())
            line.sendall(request)
            if line.recv(100):
                return
        time.sleep(0.02)
    raise RuntimeError("The server does not start: see the log.")
