"""The load generator, a process of its own: `python -m bench.load '{"port": …}'`, answers in JSON.

Keep-alive connections over plain sockets, each request signed before the clock starts, with its own
id and body. Closed loop: every connection sends its next request when the answer has come.
"""

import asyncio
import base64
import gc
import hmac
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

WARM_S = 0.3
PREPARED_PER_S = {1024: 22_000}
PREPARED_DEFAULT = 14_000


@dataclass(frozen=True)
class Job:
    """What to send where, and for how long."""

    port: int
    path: str
    secret: str
    bytes: int
    seconds: float
    connections: int
    run: str


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


def requests(job: Job) -> list[bytes]:
    """Signed requests, more than can be sent in the time."""
    key = base64.b64decode(job.secret.removeprefix("whsec_"))
    stamp = str(int(time.time())).encode()
    count = int(PREPARED_PER_S.get(job.bytes, PREPARED_DEFAULT) * job.seconds)
    return [_request(job, key, stamp, number) for number in range(count)]


def _request(job: Job, key: bytes, stamp: bytes, number: int) -> bytes:
    event_id = f"msg_{job.run}_{number}".encode()
    body = b'{"type":"order.created","id":"%b","data":"' % event_id
    body += b"x" * (job.bytes - len(body) - 2) + b'"}'
    signed = b"%b.%b.%b" % (event_id, stamp, body)
    signature = base64.b64encode(hmac.digest(key, signed, "sha256"))
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"User-Agent: bench\r\nAccept: */*\r\nContent-Length: %d\r\nwebhook-id: %b\r\n"
        b"webhook-timestamp: %b\r\nwebhook-signature: v1,%b\r\n\r\n%b"
        % (job.path.encode(), len(body), event_id, stamp, signature, body)
    )


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, supply: Iterator[bytes], times: list[float], codes: Counter[str]) -> None:
        self.supply = supply
        self.times = times
        self.codes = codes
        self.buffer = b""
        self.sent_at = 0.0
        self.end = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport = transport

    def begin(self, end: float) -> None:
        """Send until that time."""
        self.end = end
        self._send()

    def _send(self) -> None:
        request = next(self.supply, None)
        self.sent_at = time.perf_counter()
        if request is None or self.sent_at > self.end:
            if not self.done.done():
                self.done.set_result(request is None)
            return
        self.transport.write(request)  # type: ignore[attr-defined]

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
        self.times.append(time.perf_counter() - self.sent_at)
        self.codes[head[9:12].decode()] += 1
        self.buffer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """The server closed: this connection is over."""
        if not self.done.done():
            self.codes["closed"] += 1
            self.done.set_result(False)


async def run(job: Job, supply: Iterator[bytes], *, seconds: float) -> Result:
    """Send for so long over so many connections."""
    loop = asyncio.get_running_loop()
    times: list[float] = []
    codes: Counter[str] = Counter()
    made = []
    for _ in range(job.connections):
        opened = loop.create_connection(
            lambda: Connection(supply, times, codes), "127.0.0.1", job.port
        )
        made.append((await opened)[1])
    begun = time.perf_counter()
    for connection in made:
        connection.begin(begun + seconds)
    dry = await asyncio.gather(*(connection.done for connection in made))
    took = time.perf_counter() - begun
    for connection in made:
        connection.transport.close()  # type: ignore[attr-defined]
    times.sort()
    good = codes["202"] + codes["200"]
    return Result(
        per_s=good / took,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        codes=dict(codes),
        ran_dry=any(dry),
    )


def main() -> None:
    """Warm up for a third of a second, then measure."""
    job = Job(**json.loads(sys.argv[1]))
    supply = iter(requests(job))
    gc.freeze()
    gc.disable()

    async def both() -> Result:
        warm = await run(job, supply, seconds=WARM_S)
        result = await run(job, supply, seconds=job.seconds)
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
