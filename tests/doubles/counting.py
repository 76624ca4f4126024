"""A service that counts effects by idempotency key, and writes each down before it answers.

`python -m tests.doubles.counting PORT JOURNAL` serves in a process of its own, which nothing that
happens to us can touch; `counting()` serves in a thread. POST `/idempotent` has one effect per key,
however often it is asked; POST to any other path has one effect per request. `trouble` makes it a
bad one.
"""

import argparse
import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

IDEMPOTENT, UNSAFE = "/idempotent", "/unsafe"
# Close with a reset: what was not read by the other side is thrown away.
RESET = struct.pack("ii", 1, 0)


class Trouble(StrEnum):
    """What may go wrong with a request; the first group happens after the effect."""

    NONE = ""
    RESET_AFTER = "reset after"
    ERROR_AFTER = "500 after"
    SILENT_AFTER = "silent after"
    CUT_AFTER = "cut after"
    NONSENSE_AFTER = "nonsense after"
    SLOW_AFTER = "slow after"
    RESET_BEFORE = "reset before"
    ERROR_BEFORE = "503 before"
    SILENT_BEFORE = "silent before"
    REFUSED = "refused"

    @property
    def has_effect(self) -> bool:
        """Whether the service did what it was asked."""
        return self not in BEFORE


BEFORE = {Trouble.RESET_BEFORE, Trouble.ERROR_BEFORE, Trouble.SILENT_BEFORE, Trouble.REFUSED}
# Key and number of the request with this key, from 1 on.
Troubles = Callable[[str, int], Trouble]


@dataclass(frozen=True)
class Line:
    """One request, as the journal has it."""

    at: float
    path: str
    key: str
    body: str
    effect: bool
    trouble: str


def lines(journal: Path) -> list[Line]:
    """Every request that the service was sent completely."""
    return [Line(**json.loads(line)) for line in journal.read_text(encoding="utf-8").splitlines()]


def effects(journal: Path, path: str) -> Counter[str]:
    """How many effects each key had."""
    return Counter(one.key for one in lines(journal) if one.path == path and one.effect)


@dataclass
class Counting:
    """The service; `silent_s` is how long it says nothing where it is to be silent."""

    journal: Path
    trouble: Troubles = lambda key, number: Trouble.NONE
    before_answer: Callable[[str], None] = lambda key: None
    pause_s: float = 0.0
    silent_s: float = 60.0
    slow_s: float = 0.2
    port: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.done: set[str] = set()
        self.file = os.open(self.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.ending = threading.Event()

    @property
    def place(self) -> str:
        """The host:port for the list of allowed private addresses."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.place}"

    def take(self, path: str, key: str, body: str) -> Trouble:
        """Do what is asked, write it down, and say what is to go wrong."""
        time.sleep(self.pause_s)
        with self.lock:
            self.requests[key] += 1
            trouble = self.trouble(key, self.requests[key])
            is_known = path == IDEMPOTENT and key in self.done
            effect = trouble.has_effect and not is_known
            if effect:
                self.done.add(key)
            line = Line(time.time(), path, key, body, effect, trouble)
            os.write(self.file, json.dumps(line.__dict__).encode() + b"\n")
        self.before_answer(key)
        return trouble


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    service: Counting

    def do_POST(self) -> None:
        """Take the request if it comes in whole; a part of one is none."""
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        key = self.headers.get("idempotency-key", "")
        self._answer(self.service.take(self.path, key, body.decode()))

    def _answer(self, trouble: Trouble) -> None:
        match trouble:
            case Trouble.RESET_AFTER | Trouble.RESET_BEFORE:
                self._reset()
            case Trouble.SILENT_AFTER | Trouble.SILENT_BEFORE:
                self.service.ending.wait(self.service.silent_s)
                self._reset()
            case Trouble.CUT_AFTER:
                self._say(200, b'{"ok": tr', length=12)
                self.close_connection = True
            case Trouble.ERROR_AFTER:
                self._say(500, b"{}")
            case Trouble.ERROR_BEFORE:
                self._say(503, b"{}")
            case Trouble.REFUSED:
                self._say(422, b'{"error": "no"}')
            case Trouble.NONSENSE_AFTER:
                self._say(200, b'{"ok": tru\xff')
            case Trouble.SLOW_AFTER:
                self.service.ending.wait(self.service.slow_s)
                self._say(200, b'{"ok": true}')
            case _:
                self._say(200, b'{"ok": true}')

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.connection.shutdown(socket.SHUT_RD)
        os.close(self.connection.detach())

    def _say(self, status: int, body: bytes, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Silence."""


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """A caller that was killed does not hear the end of its answer."""


@contextmanager
def counting(service: Counting) -> Iterator[Counting]:
    """The service on its port, or a free one, of the loopback, in a thread."""
    handler = type("Handler", (Handler,), {"service": service})
    with Server(("127.0.0.1", service.port), handler) as server:
        service.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.ending.set()
            server.shutdown()
            thread.join(5)
            os.close(service.file)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each effect")
    options = parser.parse_args()
    service = Counting(options.journal, pause_s=options.pause, port=options.port)
    with counting(service):
        threading.Event().wait()


if __name__ == "__main__":
    main()
