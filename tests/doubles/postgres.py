"""A real PostgreSQL behind a real port, whose line a test can cut where it likes."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg

from tests.flows.outages import database

SOCKET = ".s.PGSQL.5432"


@dataclass
class Line:
    """A port that leads to the server; the next COMMIT's answer is lost where a test says so."""

    folder: Path
    port: int = 0
    loses_commit: bool = False
    is_silent: bool = False
    open: list[socket.socket] = field(default_factory=list)

    @property
    def host_port(self) -> str:
        """What an outbound allow-list names."""
        return f"127.0.0.1:{self.port}"

    def dsn(self, user: str, name: str, **options: str) -> str:
        """The address of a database as a connection keeps it."""
        query = "&".join(
            f"{key}={value}" for key, value in {"sslmode": "disable", **options}.items()
        )
        return f"postgresql://{user}:secret@{self.host_port}/{name}?{query}"

    def owner(self, name: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """The superuser's own way in, past the port."""
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=name, autocommit=True)

    def serve(self, listening: socket.socket) -> None:
        """Forward every connection until the port is closed."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.folder / SOCKET))
                self.open += [client, server]
                threading.Thread(target=self._ask, args=[client, server], daemon=True).start()
                threading.Thread(target=self._answer, args=[server, client], daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if b"COMMIT" in data and self.loses_commit:
                    self.loses_commit = False
                    # The server hears it, and whoever asked never learns what came of it.
                    client.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if not self.is_silent:
                    client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def postgres() -> Iterator[Line]:
    """The test run's own server where it has one, else a started one; behind a port."""
    url = urlsplit(os.environ.get("DATABASE_URL", ""))
    if url.scheme.startswith("postgres"):
        with _line(Path(parse_qs(url.query)["host"][0])) as line:
            yield line
        return
    with database() as started, _line(started.folder) as line:
        yield line


@contextmanager
def _line(folder: Path) -> Iterator[Line]:
    line = Line(folder)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line.port = listening.getsockname()[1]
        threading.Thread(target=line.serve, args=[listening], daemon=True).start()
        yield line
        # Closing alone does not wake whoever waits in accept().
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
    for one in line.open:
        with suppress(OSError):
            one.close()
