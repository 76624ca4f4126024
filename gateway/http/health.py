"""How the services of an account stand, for the page of its connection."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gateway.http import admission
from gateway.http.admission import Standing
from gateway.http.breaker import CircuitState
from gateway.http.limits import Account, Rate
from gateway.http.notices import Notice, NoticeKind
from gateway.http.turnstile import hosts_key, notices_key, standing_key
from gateway.lib import shared


@dataclass(frozen=True)
class Health:
    """One host: may calls pass, since when, what failed last, and what is left of its limits.

    `opens_at` is when an open circuit lets a probe out, `paused_until` when the service itself
    takes calls again (Retry-After). `remaining` and `limits` go by the names of the limits.
    """

    host: str
    state: CircuitState
    since: datetime | None = None
    failures: int = 0
    last_error: str = ""
    last_error_at: datetime | None = None
    opens_at: datetime | None = None
    paused_until: datetime | None = None
    remaining: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


def health(account: Account) -> list[Health]:
    """Each host that this account called in the last week, by name.

    Where the account itself has no pace, the one counts that its calls were last made with: a page
    does not know which connectors use a connection.
    """
    places, _ = shared.read(hosts_key(account))
    return [_of(account, place, kept) for place, kept in sorted((places or {}).items())]


@dataclass(frozen=True)
class Told:
    """A notice as it is shown: which host told it, and when it was first seen."""

    host: str
    notice: Notice
    seen_at: datetime


def notices(account: Account) -> list[Told]:
    """What services told this account in passing, newest first."""
    stored, _ = shared.read(notices_key(account))
    told = [
        Told(
            one["host"],
            Notice(
                NoticeKind(one["kind"]), one["method"], one["value"], _moment(one["at"] or 0.0),
                one["link"],
            ),
            datetime.fromtimestamp(one["seen_at"], UTC),
        )
        for one in (stored or {}).values()
    ]  # fmt: skip
    return sorted(told, key=lambda one: one.seen_at, reverse=True)


def _of(account: Account, place: str, kept: Mapping[str, Any]) -> Health:
    stored, now = shared.read(standing_key(account, place))
    standing, limits = Standing.of(stored), account.limits
    limits = replace(
        limits,
        requests=limits.requests or _rate(kept["requests"]),
        points=limits.points or _rate(kept["points"]),
    )
    circuit = standing.circuit
    state = admission.state(standing, limits, now=now)
    rates = {"requests": limits.requests, "points": limits.points}
    return Health(
        host=place,
        state=state,
        since=_moment(circuit.since),
        failures=circuit.failures,
        last_error=circuit.last_error,
        last_error_at=_moment(circuit.last_error_at),
        opens_at=_moment(circuit.opened_at and circuit.opened_at + limits.open_s),
        paused_until=_moment(standing.paused_until if standing.paused_until > now else 0.0),
        remaining=admission.remaining(standing, limits, now=now),
        limits={name: str(rate) for name, rate in rates.items() if rate is not None},
    )


def _rate(kept: Mapping[str, Any] | None) -> Rate | None:
    return Rate(**kept) if kept else None


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
