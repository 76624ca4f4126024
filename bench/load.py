"""The load generator, a process of its own: `python -m bench.load '{"port": …}'`, answers in JSON.

Keep-alive connections over plain sockets, each request signed before the clock starts, with its own
id and body. Closed loop: every connection sends its next request when the answer has come. With a
rate: open loop, requests leave at even steps on whichever connection is free.

Whatever it takes is missing to a server that would use the second processor, so it waits by epoll
alone: an event loop's transports took it twice as long. And it keeps to the last processor: it
stands for machines elsewhere, and a server that runs in several processes would else find it on
whichever of them it has just answered from.
"""

import gc
import itertools
import json
import os
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from bench.signing import requests

PREPARED_PER_S = {1024: 22_000}
PREPARED_DEFAULT = 14_000
ANSWER_BYTES = 64 * 1024
IN, IN_AND_OUT = select.EPOLLIN, select.EPOLLIN | select.EPOLLOUT
# Whoever waits longer than this for any answer waits in vain.
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Job:
    """What to send where, and for how long.

    `count` is how many different requests there are (0: more than can be sent in the time);
    `repeats` sends them again and again. A `rate` a second makes it an open loop.
    """

    port: int
    path: str
    secret: str
    bytes: int
    seconds: float
    connections: int
    run: str
    scheme: str = "standard"
    count: int = 0
    repeats: bool = False
    rate: float = 0.0
    warm_s: float = 0.3

    def supply(self) -> Iterator[bytes]:
        """The requests, signed."""
        per_s = PREPARED_PER_S.get(self.bytes, PREPARED_DEFAULT)
        made = requests(
            self.path, self.secret, scheme=self.scheme, run=self.run, size=self.bytes,
            count=self.count or int(per_s * (self.seconds + self.warm_s)),
        )  # fmt: skip
        return itertools.cycle(made) if self.repeats else iter(made)


@dataclass
class Result:
    """What came back; times in milliseconds."""

    per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    codes: dict[str, int] = field(default_factory=dict)
    ran_dry: bool = False
    # Every answer, those of the warming up included.
    answers: int = 0


class Connection:
    """One keep-alive connection with one request under way at most."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.sent_at = 0.0
        self.heard = b""
        # What of the request the socket would not take yet.
        self.unsent = memoryview(b"")

    def send(self, request: bytes, since: float) -> bool:
        """Send a request whose time began at `since`; False where a part of it has to wait."""
        self.sent_at = since
        sent = self.socket.send(request)
        if sent == len(request):
            return True
        self.unsent = memoryview(request)[sent:]
        return False

    def send_on(self) -> bool:
        """Send what had to wait; whether all of it has left."""
        self.unsent = self.unsent[self.socket.send(self.unsent) :]
        return not self.unsent

    def answer(self) -> str | None:
        """The status of the answer once it is whole; empty where the server closed."""
        try:
            data = self.socket.recv(ANSWER_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            return ""
        if self.heard:
            data = self.heard + data
        end = data.find(b"\r\n\r\n")
        # Of `Content-Length:`, in whatever case its first letters are.
        at = data.find(b"ength:", 0, end) if end >= 0 else -1
        length = int(data[at + 6 : data.find(b"\r", at)]) if at >= 0 else 0
        if end < 0 or len(data) < end + 4 + length:
            self.heard = data
            return None
        self.heard = b""
        return data[9:12].decode()


class Run:
    """One run over so many connections."""

    def __init__(self, job: Job, supply: Iterator[bytes]) -> None:
        self.supply = supply
        self.times: list[float] = []
        self.codes: Counter[str] = Counter()
        self.ran_dry = False
        self.poll = select.epoll()
        self.by_number: dict[int, Connection] = {}
        for _ in range(job.connections):
            made = Connection(job.port)
            self.by_number[made.socket.fileno()] = made
            self.poll.register(made.socket, IN)

    def closed_loop(self, seconds: float) -> Result:
        """Every connection sends when its answer has come, until the time is over."""
        begun = time.perf_counter()
        end = begun + seconds
        for connection in list(self.by_number.values()):
            if not self._send(connection, time.perf_counter()):
                self._end(connection)
        while self.by_number and not self._is_over(end):
            for connection in self._answered(PATIENCE_S):
                now = time.perf_counter()
                if now > end or not self._send(connection, now):
                    self._end(connection)
        return self._result(time.perf_counter() - begun)

    def open_loop(self, seconds: float, rate: float) -> Result:
        """Requests leave at even steps; what finds no free connection waits, and that counts."""
        free, due = deque(self.by_number.values()), deque[float]()
        wanted, number = int(rate * seconds), 0
        begun = time.perf_counter()
        give_up = begun + 2 * seconds
        while len(self.times) < wanted and self.by_number:
            now = time.perf_counter()
            if now > give_up:
                break
            while number < wanted and begun + number / rate <= now:
                due.append(now)
                number += 1
            while free and due:
                connection = free.popleft()
                if connection.socket.fileno() in self.by_number:
                    self._send(connection, due.popleft())
            next_at = begun + number / rate if number < wanted else give_up
            free += self._answered(max(0.0, next_at - time.perf_counter()))
        took = time.perf_counter() - begun
        for connection in list(self.by_number.values()):
            self._end(connection)
        return self._result(took)

    def _send(self, connection: Connection, since: float) -> bool:
        request = next(self.supply, None)
        if request is None:
            self.ran_dry = True
            return False
        try:
            if not connection.send(request, since):
                self.poll.modify(connection.socket, IN_AND_OUT)
        except OSError:
            self._lose(connection)
        return True

    def _lose(self, connection: Connection) -> None:
        """The server closed."""
        if connection.socket.fileno() in self.by_number:
            self.codes["closed"] += 1
            self._end(connection)

    def _answered(self, timeout_s: float) -> Iterator[Connection]:
        """The connections whose answer has come meanwhile."""
        for number, what in self.poll.poll(timeout_s):
            connection = self.by_number[number]
            try:
                if what & select.EPOLLOUT and connection.send_on():
                    self.poll.modify(connection.socket, IN)
            except OSError:
                self._lose(connection)
                continue
            if what & ~select.EPOLLOUT:
                status = connection.answer()
                if status:
                    self.times.append(time.perf_counter() - connection.sent_at)
                    self.codes[status] += 1
                    yield connection
                elif status is not None:
                    self._lose(connection)

    def _is_over(self, end: float) -> bool:
        return time.perf_counter() > end + PATIENCE_S

    def _end(self, connection: Connection) -> None:
        number = connection.socket.fileno()
        if self.by_number.pop(number, None):
            self.poll.unregister(number)
            connection.socket.close()

    def _result(self, took: float) -> Result:
        self.poll.close()
        times = sorted(self.times) or [0.0]
        return Result(
            per_s=(self.codes["202"] + self.codes["200"]) / took,
            p50_ms=times[len(times) // 2] * 1000,
            p99_ms=times[int(len(times) * 0.99)] * 1000,
            codes=dict(self.codes),
            ran_dry=self.ran_dry,
        )


def main() -> None:
    """Warm up, then measure."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    job = Job(**json.loads(sys.argv[1]))
    supply = job.supply()
    gc.freeze()
    gc.disable()
    warm = Result()
    if job.warm_s:
        warm = Run(job, supply).closed_loop(job.warm_s)
    run = Run(job, supply)
    result = run.open_loop(job.seconds, job.rate) if job.rate else run.closed_loop(job.seconds)
    result.answers = sum(warm.codes.values()) + sum(result.codes.values())
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
