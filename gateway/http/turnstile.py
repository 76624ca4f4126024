"""Where calls of one account wait for their turn; what is counted here is shared by all processes.

While Redis is away each process counts for itself: then the service may see as many times the
limit as there are processes, but no call waits for Redis.
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import structlog

from gateway.http import admission, breaker
from gateway.http.admission import Admission, Standing
from gateway.http.breaker import CircuitState
from gateway.http.errors import OutsideError
from gateway.http.limits import Account
from gateway.http.notices import Notice
from gateway.lib import shared

log = structlog.get_logger(__name__)
# How long the page of a connection remembers a service that nobody calls.
KEPT_S = 7 * 24 * 3600.0
LISTED_AGAIN_S = 24 * 3600.0
MAX_HOSTS = 20
MAX_NOTICES = 20
LONGEST_NAMED = 120


class Store(Protocol):
    """Changes one value as one step (`gateway.lib.shared.change`)."""

    def __call__(self, key: str, how: shared.Change, *, ttl_s: float) -> Any: ...


def hosts_key(account: Account) -> str:
    """Where the hosts are kept that this account has called, by name."""
    return f"door:{account.key}"


def notices_key(account: Account) -> str:
    """Where is kept what services told this account in passing."""
    return f"door:{account.key}:notices"


def standing_key(account: Account, place: str) -> str:
    """Where breaker and buckets of this account at this host are kept."""
    # A cache's key has 250 characters, a name up to 253.
    named = place if len(place) <= LONGEST_NAMED else hashlib.sha256(place.encode()).hexdigest()
    return f"door:{account.key}:{named}"


@dataclass(frozen=True)
class Ticket:
    """A call that was let in: tell its end exactly once."""

    account: Account
    place: str
    wait_s: float
    epoch: int
    change: Store

    def done(self, *, status: int | None, reason: str = "", pause_s: float = 0.0) -> None:
        """The call ended: with this status, or without an answer for this reason."""
        end = breaker.end_of(status=status, reason=reason)
        limits, error = self.account.limits, reason or f"http_{status}"

        def settle(stored: Any, now: float) -> tuple[Any, tuple[CircuitState, CircuitState]]:
            before = Standing.of(stored)
            after = admission.settle(
                before, limits, epoch=self.epoch, end=end, now=now, error=error, pause_s=pause_s
            )
            told = (_told(before), _told(after))
            return (after.stored() if after != before else stored), told

        before, after = self.change(standing_key(self.account, self.place), settle, ttl_s=KEPT_S)
        if before != after:
            log.warning(
                "circuit", account=self.account.key, host=self.place, state=after, error=error
            )

    def told(self, found: list[Notice]) -> None:
        """Keep what the service told in passing; what is new is logged, once."""

        def keep(stored: Any, now: float) -> tuple[Any, list[Notice]]:
            known = dict(stored or {})
            fresh = [one for one in found if _mark(self.place, one) not in known]
            for one in fresh:
                known[_mark(self.place, one)] = {
                    "host": self.place, "seen_at": now, "kind": one.kind, "method": one.method,
                    "value": one.value, "link": one.link, "at": one.at and one.at.timestamp(),
                }  # fmt: skip
            return dict(list(known.items())[-MAX_NOTICES:]), fresh

        fresh = self.change(notices_key(self.account), keep, ttl_s=KEPT_S)
        for one in fresh:
            log.warning(
                "service_notice", account=self.account.key, host=self.place, kind=one.kind,
                method=one.method, value=one.value,
            )  # fmt: skip


@dataclass(frozen=True)
class Turnstile:
    """Lets the calls of one account out."""

    account: Account
    change: Store = shared.change

    def enter(self, place: str, *, points: float, patience_s: float, lease_s: float) -> Ticket:
        """A ticket for one call to `place` (host:port), perhaps after a wait of `wait_s`.

        Raises OutsideError `circuit_open` or `rate_limited`, with `retry_after`: nothing has left.
        """
        limits = self.account.limits

        def admit(stored: Any, now: float) -> tuple[Any, tuple[Admission, bool, Standing]]:
            before = Standing.of(stored)
            after, admitted = admission.admit(
                before, limits, points=points, now=now, patience_s=patience_s, lease_s=lease_s
            )
            is_unlisted = now - before.listed_at > LISTED_AGAIN_S
            if is_unlisted:
                after = replace(after, listed_at=now)
            answer = (admitted, is_unlisted, before)
            return (after.stored() if after != before else stored), answer

        admitted, is_unlisted, standing = self.change(
            standing_key(self.account, place), admit, ttl_s=KEPT_S
        )
        if is_unlisted:
            self._list(place)
        if admitted.refused:
            raise _refusal(self.account, place, admitted, standing)
        return Ticket(self.account, place, admitted.wait_s, admitted.epoch, self.change)

    def _list(self, place: str) -> None:
        """Put the host on the account's list, with the limits that its connector knew."""
        limits = self.account.limits

        def add(stored: Any, now: float) -> tuple[Any, None]:
            known = {one: kept for one, kept in (stored or {}).items() if one != place}
            known[place] = {
                "at": now,
                "requests": limits.requests and asdict(limits.requests),
                "points": limits.points and asdict(limits.points),
            }
            return dict(list(known.items())[-MAX_HOSTS:]), None

        self.change(hosts_key(self.account), add, ttl_s=KEPT_S)


def _told(standing: Standing) -> CircuitState:
    """The state as it is told in the log: whether the circuit is closed or not."""
    return CircuitState.OPEN if standing.circuit.opened_at else CircuitState.CLOSED


def _mark(place: str, notice: Notice) -> str:
    """What makes it the same notice: one deprecation of all calls is one notice."""
    return f"{place} {notice.kind} {notice.value}"


def _refusal(account: Account, place: str, admitted: Admission, standing: Standing) -> OutsideError:
    wait = max(1.0, admitted.wait_s)
    if admitted.refused == admission.CIRCUIT_OPEN:
        detail = (
            f"{place} failed {standing.circuit.failures} times in a row "
            f"({standing.circuit.last_error}): nothing is sent there for another {wait:.0f} s."
        )
    else:
        detail = f"{place} takes no more calls of {account.key} now: again in {wait:.0f} s."
    return OutsideError(admitted.refused, False, False, retry_after=wait, detail=detail)
