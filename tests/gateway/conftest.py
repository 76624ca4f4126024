"""A loopback server that answers byte for byte what a test scripts, and keeps what it was sent."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

Script = Callable[["Peer", socket.socket], None]


@dataclass
class Peer:
    """A listener on an ephemeral port; each connection gets the next script, later the last."""

    listener: socket.socket
    scripts: list[Script] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    accepted: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def host_port(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host_port}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                script = self.scripts[min(self.accepted, len(self.scripts) - 1)]
                self.accepted += 1
                connection.settimeout(10)
                try:
                    script(self, connection)
                except OSError:
                    continue

    def read_request(self, connection: socket.socket) -> bytes:
        raw = b""
        while b"\r\n\r\n" not in raw:
            if not (chunk := connection.recv(65536)):
                raise ConnectionError("nothing was sent")
            raw += chunk
        head, _, body = raw.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return head


@pytest.fixture
def peer() -> Iterator[Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = Peer(listener)
        thread = threading.Thread(target=started.run, daemon=True)
        thread.start()
        yield started
        started.done.set()
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def answering(status: int, *headers: str, body: bytes = b"{}") -> Script:
    """Reads one request and answers it."""

    def script(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection)
        lines = [f"HTTP/1.1 {status} Said", *headers, f"Content-Length: {len(body)}", "", ""]
        connection.sendall("\r\n".join(lines).encode() + body)

    return script


@pytest.fixture(name="answering")
def _answering() -> Callable[..., Script]:
    return answering
