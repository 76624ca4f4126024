"""Who is calling, and how much of a service they may take. Pure data.

A connector or a connection says what a service allows; the door only keeps it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from gateway.http.messages import MAX_BODY_BYTES

_RATE = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)?([smh])(?:, burst (\d+(?:\.\d+)?))?")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# No value of a person's may switch a bound off: (smallest, largest).
_BOUNDS: Mapping[str, tuple[float, float]] = {
    # A worker holds an action for a minute, so its call ends well within.
    "connect_s": (0.1, 30.0),
    "read_s": (0.1, 30.0),
    "write_s": (0.1, 30.0),
    "pool_s": (0.1, 30.0),
    "total_s": (0.1, 30.0),
    "attempts": (1, 10),
    "patience_s": (0.0, 30.0),
    "rate_per_s": (0.001, 1000.0),
    "burst": (1, 10_000),
    "failures": (1, 100),
    "open_s": (1.0, 3600.0),
    "max_body_bytes": (1024, 16 * MAX_BODY_BYTES),
}
_WHOLE = frozenset({"attempts", "burst", "failures", "max_body_bytes"})
_RATES = frozenset({"requests", "points"})
_PACE = frozenset({"rate_per_s", "burst"})


@dataclass(frozen=True)
class Rate:
    """So much in so many seconds; at most `burst` of it at once (all of it, where not said)."""

    amount: float
    seconds: float = 1.0
    most: float | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """From `2/s`, `5000/h`, `30/10s` or `50/s, burst 1000`; raises ValueError otherwise."""
        found = _RATE.fullmatch(text.strip())
        amount, number, unit, burst = found.groups() if found else ("0", None, "s", None)
        seconds = float(number or 1) * _SECONDS[unit]
        if not float(amount) or not seconds or (burst is not None and float(burst) < 1):
            raise ValueError(f"{text!r} is not a rate like 2/s, 5000/h or 50/s, burst 1000")
        return cls(float(amount), seconds, float(burst) if burst else None)

    @property
    def per_s(self) -> float:
        """How much comes back in a second."""
        return self.amount / self.seconds

    @property
    def burst(self) -> float:
        """The most that can be taken at once: never less than one."""
        return max(1.0, self.amount if self.most is None else self.most)

    def __str__(self) -> str:
        seconds = {1.0: "s", 60.0: "m", 3600.0: "h"}.get(self.seconds, f"{self.seconds:g}s")
        burst = "" if self.most is None else f", burst {self.most:g}"
        return f"{self.amount:g}/{seconds}{burst}"


@dataclass(frozen=True)
class Limits:
    """What holds for one account at one host; the defaults are shown where they can be changed.

    Time-outs in seconds, `total_s` over all tries. `patience_s` is how long a call waits for its
    turn before it is given back; after `failures` in a row nothing is sent for `open_s`.
    `requests` and `points` (of a service that counts the cost of a call) are not limited by us
    where they are None.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    write_s: float = 30.0
    pool_s: float = 10.0
    total_s: float = 30.0
    attempts: int = 4
    patience_s: float = 5.0
    failures: int = 5
    open_s: float = 60.0
    max_body_bytes: int = MAX_BODY_BYTES
    requests: Rate | None = None
    points: Rate | None = None

    def with_(self, changes: Mapping[str, Any]) -> "Limits":
        """These limits with some of them changed, as a connection stores it in JSON.

        There `rate_per_s` and `burst` stand for `requests`, each number by itself.
        Raises ValueError, which names the field, for an unknown one and a value out of bounds.
        """
        if unknown := set(changes) - {one.name for one in fields(self)} - _PACE:
            raise ValueError(f"there is no limit {', '.join(sorted(map(str, unknown)))}")
        values = {name: _value(name, given) for name, given in changes.items()}
        pace = {name: values.pop(name) for name in _PACE if name in values}
        changed = replace(self, **values)
        return replace(changed, requests=_paced(changed.requests, **pace)) if pace else changed


@dataclass(frozen=True)
class Account:
    """Whose credential is used, by id (`con_…`): tokens and breaker are counted for each."""

    key: str
    limits: Limits = field(default_factory=Limits)


def _value(name: str, given: Any) -> Any:
    if name in _RATES:
        return _rate(name, given)
    least, most = _BOUNDS[name]
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not is_number or not least <= given <= most or (name in _WHOLE and given != int(given)):
        kind = "a whole number" if name in _WHOLE else "a number"
        raise ValueError(f"{name} is {kind} from {least:g} to {most:g}, not {given!r}")
    return int(given) if name in _WHOLE else float(given)


def _rate(name: str, given: Any) -> Rate | None:
    if given is None or isinstance(given, Rate):
        return given
    try:
        return Rate.of(str(given))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _paced(
    rate: Rate | None, *, rate_per_s: float | None = None, burst: int | None = None
) -> Rate | None:
    if rate_per_s is not None:
        most = burst if burst is not None else (rate.most if rate else None)
        return Rate(rate_per_s, 1.0, most)
    # How much at once says nothing where there is no pace.
    return replace(rate, most=burst) if rate else None
