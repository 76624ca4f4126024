"""Two hundred ways to an address that is not for us, in a network where every address answers.

`python -m tests.gateway.http.canaries` prints what became of the attempts as JSON. It is started in
a network namespace of its own, where root may make all addresses of both protocols local: there the
canaries on ports 80 and 443 hear every connection, to 10.0.0.1 and to 169.254.169.254 as well as to
8.8.8.8. Without such a namespace only loopback can be listened to, and nothing is tried that would
go out to a public address first; the figures say so.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle

import structlog

from gateway.http import guard
from gateway.http.client import Client
from gateway.http.errors import OutsideError
from gateway.http.guard import Guard, denial, system_resolver
from gateway.http.limits import Limits
from gateway.http.messages import Request, RetryClass

PUBLIC = ("8.8.8.8", "2606:4700:4700::1111")
METADATA = "169.254.169.254"
# One or more of every range that is not for the public, as the IANA registries list them.
EVERY_V4 = "0.0.0.0"  # noqa: S104  what is meant
ADDRESSES = (
    EVERY_V4, "0.1.2.3", "10.0.0.1", "10.254.0.0", "100.64.0.1", "100.100.100.200", "127.0.0.1",
    "127.0.0.53", "127.255.255.254", "168.63.129.16", "169.254.0.1", METADATA, "169.254.170.2",
    "172.16.10.65", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.255", "192.88.99.1",
    "192.168.0.1", "192.168.10.65", "198.18.0.0", "198.19.255.255", "198.51.100.65", "203.0.113.6",
    "224.0.0.1", "250.10.20.30", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::a00:1",
    "100::1", "2001::1", "2001:db8::1", "2002:a9fe:a9fe::1", "fd00:ec2::254", "fe80::1",
    "fec0::1",
)  # fmt: skip
# Set by whoever starts this in a network namespace of its own.
OWN_NETWORK = "CANARIES_OWN_NETWORK"
REDIRECTS = (301, 302, 303, 307, 308)


def _numbers(address: str) -> Iterator[str]:
    """Other spellings of an IPv4 address that a system's own look-up understands."""
    a, b, c, d = (int(part) for part in address.split("."))
    whole = int.from_bytes((a, b, c, d), "big")
    yield from (str(whole), hex(whole), f"0{whole:o}", f"{whole:#x}".upper().replace("X", "x"))
    yield ".".join(hex(part) for part in (a, b, c, d))
    yield ".".join(f"0{part:o}" for part in (a, b, c, d))
    yield ".".join(f"{part:03d}" for part in (a, b, c, d))
    yield f"{a}.{(b << 16) + (c << 8) + d}"
    yield f"{a}.{b}.{(c << 8) + d}"
    yield f"{hex(a)}.{b}.0{c:o}.{d}"


# 60 texts for the place of the host.
NOTATIONS = (
    *_numbers("127.0.0.1"), *_numbers(METADATA), *_numbers("10.0.0.1"),
    "127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "0", "0x0",
    "[::1]", "[0:0:0:0:0:0:0:1]", "[::0001]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]",
    "[::1%25lo]", "[::1%lo]",
    "user@127.0.0.1", "user:word@127.0.0.1", "8.8.8.8@127.0.0.1", "8.8.8.8%40127.0.0.1",
    "127.0.0.1%00.example", "127.0.0.1\\@8.8.8.8",
    "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "xn--127", "127.0.0.1\u200b",
)  # fmt: skip


@dataclass
class Canaries:
    """Listeners; `heard` counts connections by the address that was called."""

    heard: Counter[str] = field(default_factory=Counter)
    listening: list[str] = field(default_factory=list)

    def listen(self, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(64)
        self.listening.append(f"{address}:{listener.getsockname()[1]}")
        threading.Thread(target=self._hear, args=(listener,), daemon=True).start()
        return listener

    def _hear(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.heard[connection.getsockname()[0]] += 1
                connection.close()


@dataclass
class Attempts:
    """What was tried, and how it ended, by reason."""

    canaries: Canaries
    port: int
    ended: Counter[str] = field(default_factory=Counter)

    def url(self, host: str) -> str:
        return f"https://{host}" + ("/" if self.port == 443 else f":{self.port}/")

    def door(self, resolve: Callable[[str, int], tuple[str, ...]] = system_resolver) -> Client:
        return Client(
            guard=Guard.of([], resolve), limits=Limits(connect_s=1, total_s=3, attempts=2),
            sleep=lambda seconds: None,
        )  # fmt: skip

    def send(self, url: str, door: Client | None = None) -> None:
        request = Request("GET", url)
        try:
            answer = (door or self.door()).send(request, retry_class=RetryClass.SAFE)
            self.ended[str(answer.status)] += 1
        except OutsideError as error:
            self.ended[error.reason] += 1

    def literally(self) -> None:
        for address in ADDRESSES:
            self.send(self.url(f"[{address}]" if ":" in address else address))

    def by_name(self) -> None:
        for number, address in enumerate(ADDRESSES):
            self.send(self.url(f"a{number}.example"), self.door(lambda *_, one=address: (one,)))

    def oddly(self) -> None:
        for text in NOTATIONS:
            self.send(self.url(text))

    def by_redirect(self) -> None:
        """A service that may be called sends on to where nothing may."""
        for status in REDIRECTS:
            for target in (METADATA, "127.0.0.1"):
                with Redirecting(status, self.url(target)) as port:
                    door = Client(guard=Guard.of([f"127.0.0.1:{port}"]))
                    self.send(f"http://127.0.0.1:{port}/", door)

    def by_rebinding(self) -> None:
        """Public when it is looked up first, private from the second time on."""
        for private in ADDRESSES[:22]:
            answers = iter([(PUBLIC[0],), *[(private,)] * 9])
            self.send(self.url("flip.example"), self.door(lambda *_, given=answers: next(given)))

    def by_mixed_records(self) -> None:
        """One private address among public ones, first, last and between."""
        places = cycle([0, 1, 2])
        for private in ADDRESSES[:22]:
            records = list(PUBLIC)
            records.insert(next(places), private)
            door = self.door(lambda *_, given=tuple(records): given)
            self.send(self.url("mixed.example"), door)

    def wrongly(self) -> int:
        """Connections that reached an address that is not public."""
        return sum(count for address, count in self.canaries.heard.items() if denial(address))


@dataclass
class Redirecting:
    """A server that answers one request with a redirect."""

    status: int
    target: str

    def __enter__(self) -> int:
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._answer, daemon=True).start()
        return int(self.listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def _answer(self) -> None:
        with suppress(OSError):
            connection, _ = self.listener.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 {self.status} Go\r\nLocation: {self.target}\r\n"
                connection.sendall(f"{head}Content-Length: 0\r\n\r\n".encode())


def _everything_is_here() -> bool:
    """Make every address local; False where this network is not ours to change."""
    interfaces = [name for _, name in socket.if_nameindex()]
    if not os.environ.get(OWN_NETWORK) or interfaces != ["lo"]:
        return False
    for command in (
        "ip link set lo up",
        "ip route add local 0.0.0.0/0 dev lo",
        "ip -6 route add local ::/0 dev lo",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    return True


def main() -> None:
    """Try everything and print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    canaries = Canaries()
    with ExitStack() as open_until_the_end:
        is_all = _everything_is_here()
        port = 443 if is_all else 0
        if is_all:
            places = [(EVERY_V4, 80), (EVERY_V4, 443), ("::", 80), ("::", 443)]
        else:
            first = canaries.listen(socket.AF_INET, "127.0.0.1", 0)
            open_until_the_end.enter_context(first)
            port = first.getsockname()[1]
            # Otherwise the port alone would be refused, and no address ever looked at.
            guard.OPEN_PORTS = guard.OPEN_PORTS | {port}
            places = [("::1", port), (METADATA, port)]
        for address, number in places:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with suppress(OSError):
                open_until_the_end.enter_context(canaries.listen(family, address, number))
        attempts = Attempts(canaries, port)
        kinds = {}
        ways = [
            attempts.literally, attempts.by_name, attempts.oddly, attempts.by_redirect,
            attempts.by_mixed_records,
        ]  # fmt: skip
        for way in [*ways, attempts.by_rebinding] if is_all else ways:
            before = attempts.ended.total()
            way()
            kinds[way.__name__] = attempts.ended.total() - before
        # What is on its way is heard by then.
        threading.Event().wait(0.3)
        wrongly = attempts.wrongly()
        public = canaries.heard.total() - wrongly
        # Can they hear at all? The same call, allowed.
        for address in ("127.0.0.1", "[::1]", METADATA):
            allowed = Client(
                guard=Guard.of([f"{address}:{port}"]), limits=Limits(total_s=3, attempts=1)
            )
            attempts.send(attempts.url(address), allowed)
        threading.Event().wait(0.3)
        json.dump(
            {
                "all_addresses": is_all, "listening": canaries.listening, "attempts": kinds,
                "heard": wrongly, "heard_at_public_addresses": public,
                "heard_when_allowed": canaries.heard.total() - wrongly - public,
                "ended": dict(attempts.ended),
            },
            sys.stdout,
        )  # fmt: skip


if __name__ == "__main__":
    main()
