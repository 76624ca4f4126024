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
    # As poolers do: another word on a commit that the server made, and no heed to `options`.
    says_of_commit: str = ""
    drops_options: bool = False
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
            if self.drops_options:
                server.sendall(_without_options(client.recv(65536)))
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
                if self.says_of_commit and b"COMMIT\0" in data:
                    client.sendall(_fatal(self.says_of_commit))
                    break
                if not self.is_silent:
                    client.sendall(data)
            client.shutdown(socket.SHUT_WR)


def _without_options(start: bytes) -> bytes:
    """The message that opens a connection, whose pairs of texts end with an empty one."""
    words = start[8:].split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=False)
    kept = b"".join(b"%b\0%b\0" % pair for pair in pairs if pair[0] not in (b"", b"options"))
    return (len(kept) + 9).to_bytes(4) + start[4:8] + kept + b"\0"


def _fatal(sqlstate: str) -> bytes:
    fields = (b"SFATAL", b"VFATAL", b"C" + sqlstate.encode(), b"Mserver conn crashed?")
    body = b"".join(field + b"\0" for field in fields) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4) + body


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
