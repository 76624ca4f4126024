"""The load generator, a process of its own: `python -m bench.load '{"port": …}'`, answers in JSON.

Keep-alive connections over plain sockets, each request signed before the clock starts, with its own
id and body. Closed loop: every connection sends its next request when the answer has come. With a
rate: open loop, requests leave at even steps on whichever connection is free.
"""

import asyncio
import gc
import itertools
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from bench.signing import requests

PREPARED_PER_S = {1024: 22_000}
PREPARED_DEFAULT = 14_000


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


@dataclass
class Seen:
    """What the connections of one run share."""

    supply: Iterator[bytes]
    times: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    # Open loop only: when each request that found no free connection was due, and who is free.
    due: deque[float] = field(default_factory=deque)
    free: deque["Connection"] = field(default_factory=deque)


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.buffer = b""
        self.sent_at = 0.0
        self.end = 0.0
        self.is_paced = False
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport = transport

    def begin(self, end: float) -> None:
        """Closed loop: send until that time."""
        self.end = end
        self._go_on()

    def send(self, due: float) -> None:
        """Send one request, whose time began when it was due."""
        request = next(self.seen.supply, None)
        self.sent_at = due
        if request is None:
            self._finish(ran_dry=True)
        else:
            self.transport.write(request)  # type: ignore[attr-defined]

    def _go_on(self) -> None:
        if self.is_paced:
            if self.seen.due:
                self.send(self.seen.due.popleft())
            else:
                self.seen.free.append(self)
            return
        now = time.perf_counter()
        if now > self.end:
            self._finish(ran_dry=False)
        else:
            self.send(now)

    def _finish(self, *, ran_dry: bool) -> None:
        if not self.done.done():
            self.done.set_result(ran_dry)

    def data_received(self, data: bytes) -> None:
        """Take the answer, once it is whole, and go on."""
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0 and len(rest) < int(lower[at + 15 :].split(b"\r\n", 1)[0]):
            return
        self.seen.times.append(time.perf_counter() - self.sent_at)
        self.seen.codes[head[9:12].decode()] += 1
        self.buffer = b""
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed: this connection is over."""
        if not self.done.done():
            self.seen.codes["closed"] += 1
            self.done.set_result(False)


async def run(job: Job, supply: Iterator[bytes], *, seconds: float, rate: float = 0.0) -> Result:
    """Send for so long over so many connections."""
    seen = Seen(supply)
    made = [await _connect(job.port, seen) for _ in range(job.connections)]
    begun = time.perf_counter()
    if rate:
        await _pace(seen, made, rate=rate, seconds=seconds)
        dry = [False]
    else:
        for connection in made:
            connection.begin(begun + seconds)
        dry = await asyncio.gather(*(connection.done for connection in made))
    took = time.perf_counter() - begun
    for connection in made:
        connection.transport.close()  # type: ignore[attr-defined]
    return _result(seen, took=took, ran_dry=any(dry))


async def _connect(port: int, seen: Seen) -> Connection:
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(lambda: Connection(seen), "127.0.0.1", port))[1]


async def _pace(seen: Seen, made: list[Connection], *, rate: float, seconds: float) -> None:
    """Open loop: what finds no free connection waits, and its waiting counts."""
    for connection in made:
        connection.is_paced = True
        seen.free.append(connection)
    wanted = int(rate * seconds)
    begun = time.perf_counter()
    for number in range(wanted):
        await asyncio.sleep(begun + number / rate - time.perf_counter())
        now = time.perf_counter()
        if seen.free:
            seen.free.popleft().send(now)
        else:
            seen.due.append(now)
    give_up = time.perf_counter() + seconds
    while len(seen.times) < wanted and time.perf_counter() < give_up:
        await asyncio.sleep(0.01)


def _result(seen: Seen, *, took: float, ran_dry: bool) -> Result:
    times = sorted(seen.times) or [0.0]
    return Result(
        per_s=(seen.codes["202"] + seen.codes["200"]) / took,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        codes=dict(seen.codes),
        ran_dry=ran_dry,
    )


def main() -> None:
    """Warm up, then measure."""
    job = Job(**json.loads(sys.argv[1]))
    supply = job.supply()
    gc.freeze()
    gc.disable()

    async def both() -> Result:
        warm = Result()
        if job.warm_s:
            warm = await run(job, supply, seconds=job.warm_s)
        result = await run(job, supply, seconds=job.seconds, rate=job.rate)
        result.answers = sum(warm.codes.values()) + sum(result.codes.values())
        return result

    try:
        import uvloop  # noqa: PLC0415 - faster where there is one

        result = uvloop.run(both())
    except ImportError:
        result = asyncio.run(both())
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
