"""Doors for tests: real sockets, time that passes by sleeping only, chance that is known."""

import socket
import time
from dataclasses import dataclass, field
from typing import Any

from gateway.http.client import Client
from gateway.http.guard import Guard


@dataclass
class Sleeper:
    """Time that passes only by sleeping, so that waits are counted and not lived through."""

    slept: list[float] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def clock(self) -> float:
        return time.monotonic() + sum(self.slept)


def make(peer: Any, sleeper: Sleeper | None = None, **more: Any) -> Client:
    timing = sleeper or Sleeper()
    return Client(
        guard=more.pop("guard", None) or Guard.of([peer.host_port]),
        sleep=timing.sleep,
        clock=timing.clock,
        chance=more.pop("chance", lambda: 0.5),
        **more,
    )


def closing(peer: Any, connection: socket.socket) -> None:
    """Reads the request and hangs up."""
    peer.read_request(connection)
