"""A service of somebody else, in this process: keeps what it was sent, byte for byte.

It honours idempotency keys as a good service does: one effect per key, and the same answer again.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers.get("idempotency-key", "")

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)


@dataclass
class Outside:
    """What came in; `answer` decides the reply, `{"ok": true}` unless told otherwise."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Answer] = lambda _: (200, {"ok": True})
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def place(self) -> str:
        """The host:port for the list of allowed private addresses."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.place}"

    def posts(self, path: str) -> list[Received]:
        """The POST requests whose path begins like this."""
        with self.lock:
            return [
                one for one in self.received if one.method == "POST" and one.path.startswith(path)
            ]

    def calls(self, path: str) -> Counter[str]:
        """How often each idempotency key came to these paths."""
        return Counter(one.key for one in self.posts(path))

    def take(self, request: Received) -> Answer:
        """Keep the request and decide the reply."""
        with self.lock:
            self.received.append(request)
        return self.answer(request)


@contextmanager
def outside() -> Iterator[Outside]:
    """The service on a free port of the loopback."""
    service = Outside()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(length)
            if len(body) < length:
                # Its sender was killed between head and body: no request at all (RFC 9112, 8).
                self.close_connection = True
                return
            request = Received(self.command, self.path, headers, body)
            status, value = service.take(request)
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_: Any) -> None:
            """Silence."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None:
            """A caller that was killed does not hear the end of its answer."""

    with Server(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join(5)
