"""The only door out: guarded, bounded in time and size, and honest about what may have happened."""

import random
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import httpcore
import httpx
import structlog

from gateway.http.errors import OutsideError
from gateway.http.exchange import checked, default_tls, exchange, host_and_port, refused
from gateway.http.guard import Guard, Resolver, system_resolver
from gateway.http.limits import Account, Limits
from gateway.http.messages import Answer, Request, RetryClass
from gateway.http.notices import notices
from gateway.http.retry import RETRIED_STATUSES, decorrelated_s, may_repeat, pause_s
from gateway.http.turnstile import Ticket, Turnstile
from gateway.http.wire import Attempt, Clock, looked_up

log = structlog.get_logger(__name__)


def client(
    *,
    allow: Iterable[str] = (),
    account: Account | None = None,
    limits: Limits | None = None,
    resolve: Resolver = system_resolver,
    sleep: Callable[[float], None] = time.sleep,
) -> "Client":
    """The door of this deployment; `allow` is the host:port list that passes the address guard.

    With an account its calls are counted, limited and broken off for all processes together;
    without one only this call's `limits` hold (`gateway.http.door` knows what callers need).
    """
    known = account.limits if account else Limits()
    return Client(
        guard=Guard.of(allow, resolve),
        limits=limits or known,
        turnstile=Turnstile(account) if account else None,
        sleep=sleep,
    )


@dataclass(frozen=True)
class Client:
    """Sends requests. Holds no connection and no state of its own, so threads may share one."""

    guard: Guard
    limits: Limits = field(default_factory=Limits)
    turnstile: Turnstile | None = None
    sleep: Callable[[float], None] = time.sleep
    clock: Clock = time.monotonic
    chance: Callable[[], float] = random.random
    tls: ssl.SSLContext = field(default_factory=default_tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is kept open between calls; here so that callers may treat it as a resource."""

    def send(
        self,
        request: Request,
        *,
        retry_class: RetryClass = RetryClass.UNSAFE,
        deadline_s: float | None = None,
        attempts: int | None = None,
    ) -> Answer:
        """Send and return the last answer, whatever its status.

        Statuses that pass (429, 500, 502, 503, 504) and network failures are tried again where the
        retry class allows it, up to `attempts` times within `deadline_s` and the total time-out,
        whichever is shorter. Raises OutsideError where the last try had no answer: it says that
        something may have happened where that is so for any of the tries.
        """
        longest = self.limits.total_s
        ends_at = self.clock() + (longest if deadline_s is None else min(deadline_s, longest))
        guard = self.guard.for_strangers() if request.is_strangers else self.guard
        outgoing = checked(request, guard, self._timeout())
        tries = attempts or self.limits.attempts
        said: Answer | OutsideError | None = None
        is_uncertain = False
        wait: float | None = None
        for number in range(1, tries + 1):
            try:
                ticket = self._turn(outgoing, points=request.points, ends_at=ends_at)
            except OutsideError:
                # It is not our turn any more: what an earlier try was told says more.
                if said is None:
                    raise
                break
            is_uncertain = is_uncertain or _may_have_happened(said)
            said = self._once(outgoing, ticket, guard=guard, ends_at=ends_at, number=number)
            if number == tries or not _is_repeated(said, retry_class):
                break
            wait = decorrelated_s(wait, self.chance())
            if not self._waits(max(wait, said.retry_after or 0.0), ends_at):
                break
        if isinstance(said, OutsideError):
            said.may_have_happened = said.may_have_happened or is_uncertain
            raise said
        assert said is not None  # there is at least one try
        return replace(said, is_uncertain=is_uncertain)

    def addresses(self, host: str, port: int, *, within_s: float | None = None) -> tuple[str, ...]:
        """Where to connect for a protocol that is not HTTP; such a host has to be allow-listed.

        Raises OutsideError where it is not, or does not resolve within the time to connect and
        what the caller has left.
        """
        if not self.guard.allows(host, port):
            raise refused(
                "address_refused",
                f"{host}:{port} is not on the outbound allow-list: an operator adds it there.",
            )
        longest = self.limits.connect_s
        allowed = longest if within_s is None else min(within_s, longest)
        try:
            return looked_up(self.guard, host, port, within_s=allowed)
        except httpcore.ConnectTimeout as error:
            detail = f"The name {host} was not looked up in time."
            raise OutsideError("timeout", False, False, detail=detail) from error

    def _waits(self, seconds: float, ends_at: float) -> bool:
        """Sleep before the next try; False, at once, where the deadline leaves no room for it."""
        if self.clock() + seconds >= ends_at:
            return False
        self.sleep(seconds)
        return True

    def _turn(self, outgoing: httpx.Request, *, points: float, ends_at: float) -> Ticket | None:
        """Wait until this account may call; raises OutsideError where that takes too long."""
        if self.turnstile is None:
            return None
        host, port = host_and_port(outgoing)
        # Half of it is for the call itself: out of time, it would be called the service's failure.
        left = max(0.0, ends_at - self.clock()) / 2
        ticket = self.turnstile.enter(
            f"{host}:{port}", points=points, patience_s=min(self.limits.patience_s, left),
            lease_s=self.limits.total_s,
        )  # fmt: skip
        if ticket.wait_s > 0:
            self.sleep(ticket.wait_s)
        return ticket

    def _once(
        self,
        outgoing: httpx.Request,
        ticket: Ticket | None,
        *,
        guard: Guard,
        ends_at: float,
        number: int,
    ) -> Answer | OutsideError:
        started = self.clock()
        attempt = Attempt(ends_at, self.clock)
        host = outgoing.url.host
        try:
            answer = exchange(
                outgoing, attempt, guard=guard, tls=self.tls, limit=self.limits.max_body_bytes
            )
        except OutsideError as error:
            log.warning("outbound", host=host, reason=error.reason, attempt=number)
            if ticket:
                ticket.done(status=error.status, reason=error.reason)
            return error
        took_ms = round((self.clock() - started) * 1000)
        log.info("outbound", host=host, status=answer.status, ms=took_ms, attempt=number)
        if ticket:
            asked = pause_s(
                answer.status, answer.headers,
                retry_after=answer.retry_after, now=datetime.now(UTC),
            )  # fmt: skip
            ticket.done(status=answer.status, pause_s=asked)
            # Not the path: it is the secret of some services' addresses.
            if told := notices(outgoing.method, outgoing.headers, answer):
                ticket.told(told)
        return answer

    def _timeout(self) -> dict[str, float]:
        limits = self.limits
        return {
            "connect": limits.connect_s,
            "read": limits.read_s,
            "write": limits.write_s,
            "pool": limits.pool_s,
        }


def _may_have_happened(said: Answer | OutsideError | None) -> bool:
    """Whether the other side may have acted on this try without saying so."""
    if said is None:
        return False
    if isinstance(said, OutsideError):
        return said.may_have_happened
    return said.status >= 500


def _is_repeated(said: Answer | OutsideError, retry_class: RetryClass) -> bool:
    """Whether the retry class lets the same call be made again after this."""
    if isinstance(said, OutsideError):
        return not said.permanent and may_repeat(
            retry_class, may_have_happened=said.may_have_happened
        )
    return said.status in RETRIED_STATUSES and retry_class is not RetryClass.UNSAFE
