"""A circuit breaker. Pure: a service that fails again and again is left alone for a while.

Closed, calls pass and failures in a row are counted. Open, nothing is sent. Half-open, one call
at a time tries whether the service is back; its end closes or opens the circuit.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.http.limits import Limits

# Where no answer came: the machine, its name or the way to it. What the guard refuses is our doing.
FAILURES = frozenset({"connect", "name_unresolved", "network", "timeout"})


class CircuitState(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class End(StrEnum):
    """What the end of a call says about the service; `silent` says nothing."""

    ALIVE = "alive"
    FAILED = "failed"
    SILENT = "silent"


@dataclass(frozen=True)
class Circuit:
    """What is remembered; times in seconds since 1970, 0 for never.

    `epoch` rises with every change of state and every probe: the end of a call that was let in
    under another one says nothing about now.
    """

    failures: int = 0
    opened_at: float = 0.0
    probe_until: float = 0.0
    since: float = 0.0
    epoch: int = 0
    last_error: str = ""
    last_error_at: float = 0.0


def end_of(*, status: int | None, reason: str = "") -> End:
    """How a call counts: no answer and 5xx are failures, anything else that was answered is not.

    429 and the rest of 4xx come from a service that is there.
    """
    if reason:
        return End.FAILED if reason in FAILURES else End.SILENT
    return End.FAILED if status is not None and status >= 500 else End.ALIVE


def state(circuit: Circuit, limits: Limits, now: float) -> CircuitState:
    """Whether calls pass now."""
    if not circuit.opened_at:
        return CircuitState.CLOSED
    return CircuitState.OPEN if _left(circuit, limits, now) > 0 else CircuitState.HALF_OPEN


def wait_s(circuit: Circuit, limits: Limits, now: float) -> float:
    """How long until a call may pass; 0 where one may pass now."""
    found = state(circuit, limits, now)
    if found == CircuitState.OPEN:
        return _left(circuit, limits, now)
    if found == CircuitState.HALF_OPEN:
        return max(0.0, circuit.probe_until - now)
    return 0.0


def enter(circuit: Circuit, limits: Limits, *, now: float, lease_s: float) -> Circuit:
    """The circuit after a call that may pass was let in; while half-open it is the one probe.

    A probe whose end is never told (its process died) is forgotten after `lease_s`.
    """
    if state(circuit, limits, now) == CircuitState.CLOSED:
        return circuit
    return replace(circuit, probe_until=now + lease_s, epoch=circuit.epoch + 1)


def leave(
    circuit: Circuit, limits: Limits, *, epoch: int, end: End, now: float, error: str = ""
) -> Circuit:
    """The circuit after the end of a call that was let in under this epoch."""
    if end == End.FAILED:
        circuit = replace(circuit, last_error=error, last_error_at=now)
    if epoch != circuit.epoch:
        return circuit
    if end == End.SILENT:
        return replace(circuit, probe_until=0.0)
    if end == End.ALIVE:
        return _closed(circuit, now) if circuit.opened_at else replace(circuit, failures=0)
    failures = circuit.failures + 1
    if circuit.opened_at or failures >= limits.failures:
        return replace(
            circuit,
            failures=failures,
            opened_at=now,
            probe_until=0.0,
            since=circuit.since if circuit.opened_at else now,
            epoch=circuit.epoch + 1,
        )
    return replace(circuit, failures=failures)


def _closed(circuit: Circuit, now: float) -> Circuit:
    return replace(
        circuit, failures=0, opened_at=0.0, probe_until=0.0, since=now, epoch=circuit.epoch + 1
    )


def _left(circuit: Circuit, limits: Limits, now: float) -> float:
    # Never longer than one opening, should the clock have been set back meanwhile.
    return min(limits.open_s, circuit.opened_at + limits.open_s - now)
