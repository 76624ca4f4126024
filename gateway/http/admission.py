"""Whether a call may leave now: breaker, tokens and a pause that the service asked for. Pure.

One document holds all of it for an account at a host, so that one atomic change decides.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from gateway.http import breaker, bucket
from gateway.http.breaker import Circuit, CircuitState, End
from gateway.http.bucket import Bucket
from gateway.http.limits import Limits, Rate

REQUESTS, POINTS = "requests", "points"
RATE_LIMITED, CIRCUIT_OPEN = "rate_limited", "circuit_open"


@dataclass(frozen=True)
class Standing:
    """What is remembered of one account at one host; times in seconds since 1970.

    `paused_until` is the end of a pause that the service asked for, `listed_at` when the host was
    last put on the account's list of hosts.
    """

    circuit: Circuit = field(default_factory=Circuit)
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    paused_until: float = 0.0
    listed_at: float = 0.0

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "Standing":
        """From its JSON form; a fresh one where there is none."""
        if not stored:
            return cls()
        buckets = {name: Bucket(**one) for name, one in stored["buckets"].items()}
        circuit = Circuit(**stored["circuit"])
        return cls(circuit, buckets, stored["paused_until"], stored["listed_at"])

    def stored(self) -> dict[str, Any]:
        """Its JSON form."""
        return asdict(self)


@dataclass(frozen=True)
class Admission:
    """The answer to a call: go after `wait_s`, under this epoch; or not (`refused` says why)."""

    wait_s: float = 0.0
    epoch: int = 0
    refused: str = ""


def admit(
    standing: Standing, limits: Limits, *, points: float, now: float, patience_s: float,
    lease_s: float,
) -> tuple[Standing, Admission]:  # fmt: skip
    """Let one call in, taking its tokens; or refuse it, taking nothing.

    It is refused where it would have to wait longer than `patience_s`.
    """
    circuit = standing.circuit
    if (wait := breaker.wait_s(circuit, limits, now)) > 0:
        return standing, Admission(wait, refused=CIRCUIT_OPEN)
    costs = [(name, rate, cost) for name, rate, cost in _costs(limits, points) if cost > 0]
    waits = [
        bucket.wait_s(standing.buckets.get(name), rate, cost=cost, now=now)
        for name, rate, cost in costs
    ]
    wait = max([standing.paused_until - now, 0.0, *waits])
    if wait > patience_s:
        return standing, Admission(wait, refused=RATE_LIMITED)
    taken = {
        name: bucket.take(standing.buckets.get(name), rate, cost=cost, now=now)
        for name, rate, cost in costs
    }
    circuit = breaker.enter(circuit, limits, now=now, lease_s=lease_s + wait)
    after = replace(standing, circuit=circuit, buckets={**standing.buckets, **taken})
    return after, Admission(wait, circuit.epoch)


def settle(
    standing: Standing, limits: Limits, *, epoch: int, end: End, now: float, error: str = "",
    pause_s: float = 0.0,
) -> Standing:  # fmt: skip
    """What is remembered after a call's end; a pause the service asks for holds for everybody."""
    circuit = breaker.leave(standing.circuit, limits, epoch=epoch, end=end, now=now, error=error)
    until = max(standing.paused_until, now + pause_s) if pause_s > 0 else standing.paused_until
    return replace(standing, circuit=circuit, paused_until=until)


def remaining(standing: Standing, limits: Limits, *, now: float) -> dict[str, float]:
    """The tokens left of each limit there is; below zero is shown as none."""
    return {
        name: max(0.0, bucket.level(standing.buckets.get(name), rate, now))
        for name, rate, _ in _costs(limits, 0.0)
    }


def state(standing: Standing, limits: Limits, *, now: float) -> CircuitState:
    """Whether calls pass now."""
    return breaker.state(standing.circuit, limits, now)


def _costs(limits: Limits, points: float) -> list[tuple[str, Rate, float]]:
    rates = ((REQUESTS, limits.requests, 1.0), (POINTS, limits.points, points))
    return [(name, rate, cost) for name, rate, cost in rates if rate is not None]
