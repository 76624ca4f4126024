"""More webhooks than an entrance can take, at even steps, whatever it answers: an open loop.

A process of its own, `python -m tests.flows.flood '{"port": …}'`, which answers in JSON. A refused
event is not sent again: what became of it is for the test to see.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import httptools
import uvloop
from standardwebhooks import Webhook

from tests.migrated import ROOT

# How long after the last request its answer may take.
PATIENCE_S = 30.0
STEP_S = 0.002
OPENED_AT_ONCE = 100
FILES_BESIDE = 100
PADDING = "x" * 900


@dataclass(frozen=True)
class Job:
    """So many events a second for so long, numbered from `first`.

    Where more is accepted than was thought, more are sent: `times` as many as were accepted so far.
    """

    port: int
    path: str
    secret: str
    first: int
    rate: float
    times: float
    seconds: float
    connections: int


@dataclass
class Flood:
    """What came of it: the numbers of the events, with the id that an accepted one was given."""

    sent: int = 0
    seconds: float = 0.0
    accepted: dict[str, str] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    # Any other answer, and connections that ended without one.
    other: Counter[str] = field(default_factory=Counter)
    accepted_ms: list[float] = field(default_factory=list)
    refused_ms: list[float] = field(default_factory=list)

    @property
    def accepted_per_s(self) -> float:
        """Until the last answer: what waits at the end of the time is accepted after it."""
        return len(self.accepted) / self.seconds


def body_of(number: int) -> bytes:
    """The event with this number."""
    event = {"type": "order.created", "number": number, "padding": PADDING}
    return json.dumps(event).encode()


class Line(asyncio.Protocol):
    """A connection that is kept, with one request under way at most."""

    def __init__(self, sender: "Sender") -> None:
        self.sender = sender
        self.parser = httptools.HttpResponseParser(self)
        self.number = -1
        self.sent_at = 0.0
        self.may_retry = False
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, number: int, request: bytes, now: float) -> None:
        """Send the event with this number."""
        self.number, self.sent_at, self.may_retry, self.body = number, now, False, b""
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.may_retry |= name.lower() == b"retry-after" and value.isdigit()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.sender.answered(self, self.parser.get_status_code())

    def connection_lost(self, _: Exception | None) -> None:
        self.sender.lost(self)


class Sender:
    """Sends each event on whichever connection is free."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.hook = Webhook(job.secret)
        self.found = Flood()
        self.free: deque[Line] = deque()
        self.busy: set[Line] = set()

    async def run(self) -> Flood:
        """Send until the time is over, then wait for the last answers."""
        loop, job = asyncio.get_running_loop(), self.job
        for _ in range(0, job.connections, OPENED_AT_ONCE):
            await asyncio.gather(*(self._open() for _ in range(OPENED_AT_ONCE)))
        begun = loop.time()
        while (passed := loop.time() - begun) < job.seconds:
            wanted = max(passed * job.rate, job.times * len(self.found.accepted))
            while self.free and self.found.sent < wanted:
                self._send(loop.time())
            await asyncio.sleep(STEP_S)
        give_up = loop.time() + PATIENCE_S
        while self.busy and loop.time() < give_up:
            await asyncio.sleep(STEP_S)
        self.found.other["no answer"] += len(self.busy)
        self.found.seconds = loop.time() - begun
        return self.found

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(self), "127.0.0.1", self.job.port)
        self.free.append(line)

    def _send(self, now: float) -> None:
        # The one that was idle longest: none is idle so long that the entrance would end it.
        line, number = self.free.popleft(), self.job.first + self.found.sent
        self.found.sent += 1
        self.busy.add(line)
        line.send(number, self._request(number), now)

    def _request(self, number: int) -> bytes:
        body, now, name = body_of(number), datetime.now(UTC), f"msg_{number}"
        signature = self.hook.sign(name, now, body.decode())
        return (
            f"POST {self.job.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.job.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"webhook-id: {name}\r\nwebhook-timestamp: {int(now.timestamp())}\r\n"
            f"webhook-signature: {signature}\r\n\r\n"
        ).encode() + body

    def answered(self, line: Line, status: int) -> None:
        """Note an answer; the connection is free again."""
        found, took = self.found, (asyncio.get_running_loop().time() - line.sent_at) * 1000
        self.busy.discard(line)
        self.free.append(line)
        if status == 202:
            found.accepted[str(line.number)] = json.loads(line.body)["event"]
            found.accepted_ms.append(took)
        elif status == 503 and line.may_retry:
            found.refused.append(line.number)
            found.refused_ms.append(took)
        else:
            found.other[str(status)] += 1

    def lost(self, line: Line) -> None:
        """The connection has ended; whoever waited for an answer on it has none."""
        if line in self.busy:
            self.busy.discard(line)
            self.found.other["closed"] += 1
        elif line in self.free:
            self.free.remove(line)


def flood(job: Job) -> Flood:
    """Send from a process of its own, so that it takes nothing from whoever looks on."""
    command = [sys.executable, "-m", "tests.flows.flood", json.dumps(asdict(job))]
    with tempfile.TemporaryFile("w+") as told:
        done = subprocess.run(
            command, cwd=ROOT, stdout=told, stderr=subprocess.PIPE, text=True, check=False,
            timeout=job.seconds + 4 * PATIENCE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told.seek(0)
        return Flood(**json.load(told))


def main() -> None:
    """Send what the argument asks for."""
    job = Job(**json.loads(sys.argv[1]))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = job.connections + FILES_BESIDE
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    sys.stdout.write(json.dumps(vars(uvloop.run(Sender(job).run()))))


if __name__ == "__main__":
    main()
