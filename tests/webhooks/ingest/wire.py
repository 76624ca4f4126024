"""Bytes as they travel: what no client library would send, and what comes back."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.webhooks.ingest.serving import Server

# A server that has only just been started takes a while.
PATIENCE_S = 30.0


@dataclass(frozen=True)
class Answer:
    """A status, headers with lower-case names, a body; status 0 where nothing came back."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def connect(server: Server) -> socket.socket:
    """A connection to the server."""
    place = urlsplit(server.url)
    return socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S)


def head(path: str, *lines: bytes, method: str = "POST") -> bytes:
    """A request line and headers, up to and with the empty line."""
    first = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost"]
    return b"\r\n".join([*first, *lines]) + b"\r\n\r\n"


def exchange(server: Server, *pieces: bytes) -> Answer:
    """Send the pieces on a fresh connection and read one answer."""
    with connect(server) as connection:
        send_all(connection, pieces)
        return read_answer(connection)


def send_all(connection: socket.socket, pieces: Iterable[bytes]) -> None:
    """Send until the other end does not take any more."""
    try:
        for piece in pieces:
            connection.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        return


def read_answer(connection: socket.socket) -> Answer:
    """The next answer on the connection."""
    file = connection.makefile("rb")
    line = file.readline().split(b" ", 2)
    if len(line) < 2:
        return Answer(0)
    headers = []
    while (text := file.readline().strip()) and b":" in text:
        name, _, value = text.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    length = int(dict(headers).get("content-length", 0))
    return Answer(int(line[1]), tuple(headers), file.read(length))
