"""Starts each candidate exactly as the product does, on a socket that listens already."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_S = 30.0
COMMANDS = {
    "fastapi": ["-m", "bench.peer"],
    "uvicorn": ["-m", "gateway.processes.intake"],
    "daphne": ["-m", "gateway.processes.web"],
}


@dataclass(frozen=True)
class Candidate:
    """A server on a database, with or without a worker beside it; FastAPI has neither."""

    server: str
    database: str = ""
    has_worker: bool = False

    @property
    def name(self) -> str:
        """As the table shows it."""
        words = [self.server, self.database, "workers running" if self.has_worker else ""]
        return " ".join(word for word in words if word)


@dataclass
class Running:
    """A started server."""

    port: int
    process: subprocess.Popen[bytes]

    def rss_mb(self) -> float:
        """Resident memory of the server process, in MB."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            return 0.0
        line = next(ln for ln in status.read_text().splitlines() if ln.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """Processor time that the server process used so far, in seconds."""
        stat = Path(f"/proc/{self.process.pid}/stat")
        if not stat.exists():
            return 0.0
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(candidate: Candidate, environment: dict[str, str], log: Path) -> Iterator[Running]:
    """The candidate, answering, and killed at the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, log.open("ab") as out:
        descriptor = os.dup(listening.fileno())
        started: list[subprocess.Popen[bytes]] = []
        try:
            command = [sys.executable, *COMMANDS[candidate.server], "--fd", str(descriptor)]
            server = subprocess.Popen(
                command, env=environment, pass_fds=[descriptor], stdout=out, stderr=out
            )
            started.append(server)
            if candidate.has_worker:
                command = [sys.executable, "-m", "gateway.worker"]
                worker = subprocess.Popen(
                    command, env=environment, stdout=out, stderr=out, stdin=subprocess.PIPE
                )
                started.append(worker)
            found = Running(listening.getsockname()[1], server)
            _wait(found)
            yield found
        finally:
            os.close(descriptor)
            for process in started:
                process.kill()
                process.wait()


def _wait(server: Running) -> None:
    """Until it answers anything at all."""
    request = b"GET /webhooks/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=START_S) as connection:
        connection.sendall(request)
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up and server.process.poll() is None:
            if connection.recv(100):
                return
    raise RuntimeError("The server does not start: see the log.")
