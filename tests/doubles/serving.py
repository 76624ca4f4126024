"""What doubles of services share: real HTTP in a thread, effects counted, trouble on request.

A double keeps the state of its service, so that what was done shows when it is read. It can refuse
before an effect, and lose or spoil the answer after one, as services do.
"""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as the service sees it; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def steps(self) -> list[str]:
        """The decoded segments of the path: an encoded slash separates nothing."""
        return [unquote(step) for step in self.path.strip("/").split("/")]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")


def moment() -> str:
    """Now, as services write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Said:
    """One answer; a body that is no bytes is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """A double. `before` refuses the next requests; `after` spoils the next effects' answers.

    An entry of `after` is the answer that takes the true one's place, or None: the connection is
    dropped instead.
    """

    asked: list[Asked] = field(default_factory=list)
    effects: list[Any] = field(default_factory=list)
    before: list[Said] = field(default_factory=list)
    after: list[Said | None] = field(default_factory=list)
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, asked: Asked) -> Said:
        """The service's own answer."""
        raise NotImplementedError

    def handle(self, asked: Asked) -> Said | None:
        """The answer with the trouble that was asked for; None drops the connection."""
        with self.lock:
            self.asked.append(asked)
            if self.before:
                return self.before.pop(0)
            count = len(self.effects)
            said = self.answer(asked)
            if len(self.effects) > count and self.after:
                return self.after.pop(0)
            return said

    @property
    def host_port(self) -> str:
        """What an outbound allow-list names."""
        return self.url.removeprefix("http://")


Double = TypeVar("Double", bound=Service)


@contextmanager
def serving(double: Double) -> Iterator[Double]:
    """The double on an ephemeral port, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            said = double.handle(Asked(self.command, parts.path, query, headers, body))
            self.close_connection = True
            if said is None:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            _send(self, said)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _send(handler: BaseHTTPRequestHandler, said: Said) -> None:
    is_empty = said.body is None
    body = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
    # Without the library's own Date: a test may bring another one.
    handler.send_response_only(said.status)
    headers = {"Content-Type": "application/json; charset=utf-8"} | dict(said.headers)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", "0" if is_empty else str(len(body)))
    handler.end_headers()
    if not is_empty and handler.command != "HEAD":
        handler.wfile.write(body)
