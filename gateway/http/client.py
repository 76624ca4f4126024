"""The only door out: guarded, bounded in time and size, and honest about what may have happened."""

import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Self

import httpcore
import httpx
import structlog

from gateway.http.errors import OutsideError
from gateway.http.guard import DEFAULT_PORTS, Guard, Resolver, system_resolver
from gateway.http.messages import MAX_BODY_BYTES, Answer, Request, RetryClass
from gateway.http.retry import RETRIED_STATUSES, backoff_s, may_repeat, retry_after_s
from gateway.http.wire import Attempt, Clock, GuardedTransport

log = structlog.get_logger(__name__)
DEFAULT_ATTEMPTS = 4
USER_AGENT = "Countersign"
# The marker of zlib for "gzip or zlib, look at the first bytes".
_ANY_ZLIB = zlib.MAX_WBITS | 32
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Timeouts:
    """Seconds: for the connection, and for everything from the first try to the last byte."""

    connect_s: float = 10.0
    total_s: float = 30.0


def client(
    *,
    allow: Iterable[str] = (),
    timeouts: Timeouts | None = None,
    resolve: Resolver = system_resolver,
    sleep: Callable[[float], None] = time.sleep,
) -> "Client":
    """The door of this deployment; `allow` is the host:port list that passes the address guard."""
    return Client(guard=Guard.of(allow, resolve), timeouts=timeouts or Timeouts(), sleep=sleep)


@cache
def default_tls() -> ssl.SSLContext:
    """The one TLS context of the process: reading the authorities takes 20 ms."""
    # Not from the environment: a variable must not be able to turn verification elsewhere.
    return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True)
class Client:
    """Sends requests. Holds no connection and no state, so threads may share one."""

    guard: Guard
    timeouts: Timeouts = field(default_factory=Timeouts)
    sleep: Callable[[float], None] = time.sleep
    clock: Clock = time.monotonic
    chance: Callable[[], float] = random.random
    max_body_bytes: int = MAX_BODY_BYTES
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
        retry class allows it, up to `attempts` times within `deadline_s` (the total time-out where
        none is given). Raises OutsideError where the last try had no answer.
        """
        ends_at = self.clock() + (deadline_s if deadline_s is not None else self.timeouts.total_s)
        tries = attempts or DEFAULT_ATTEMPTS
        for number in range(1, tries + 1):
            try:
                answer = self._once(request, ends_at=ends_at, number=number)
            except OutsideError as error:
                repeat = not error.permanent and may_repeat(
                    retry_class, may_have_happened=error.may_have_happened
                )
                if not repeat or number == tries or not self._waits(number, ends_at, asked=None):
                    raise
                continue
            repeat = answer.status in RETRIED_STATUSES and retry_class is not RetryClass.UNSAFE
            if not repeat or number == tries:
                return answer
            if not self._waits(number, ends_at, asked=answer.retry_after):
                return answer
        raise AssertionError("the last try returns or raises")

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Where to connect for a protocol that is not HTTP; such a host has to be allow-listed.

        Raises OutsideError where it is not, or does not resolve.
        """
        if not self.guard.allows(host, port):
            raise _refused(
                "address_refused",
                f"{host}:{port} is not on the outbound allow-list: an operator adds it there.",
            )
        return self.guard.addresses(host, port)

    def _waits(self, number: int, ends_at: float, *, asked: float | None) -> bool:
        """Sleep before the next try; False, at once, where the deadline leaves no room for it."""
        wait = max(backoff_s(number, self.chance()), asked or 0.0)
        if self.clock() + wait >= ends_at:
            return False
        self.sleep(wait)
        return True

    def _once(self, request: Request, *, ends_at: float, number: int) -> Answer:
        outgoing = self._checked(request)
        attempt = Attempt(min(ends_at, self.clock() + self.timeouts.total_s), self.clock)
        started = self.clock()
        host = outgoing.url.host
        try:
            answer = self._exchange(outgoing, attempt)
        except OutsideError as error:
            log.warning("outbound", host=host, reason=error.reason, attempt=number)
            raise
        took_ms = round((self.clock() - started) * 1000)
        log.info("outbound", host=host, status=answer.status, ms=took_ms, attempt=number)
        return answer

    def _exchange(self, outgoing: httpx.Request, attempt: Attempt) -> Answer:
        transport = GuardedTransport(self.guard, attempt, self.tls)
        status: int | None = None
        try:
            with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as http:
                response = http.send(outgoing, stream=True)
                status = response.status_code
                body, truncated = self._read(response)
        except (httpcore.TimeoutException, httpx.TimeoutException) as error:
            raise _failure("timeout", attempt, status) from error
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise OutsideError(
                "bad_request",
                True,
                attempt.has_left,
                detail="The request cannot be sent as it is.",
            ) from error
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpx.TransportError,
        ) as error:
            raise _failure("network" if attempt.has_left else "connect", attempt, status) from error
        headers = _plain_headers(response.headers)
        body, cut = _decoded(body, headers.get("content-encoding", ""), self.max_body_bytes)
        return Answer(
            status=status,
            headers=headers,
            body=body,
            truncated=truncated or cut,
            retry_after=retry_after_s(headers.get("retry-after"), datetime.now(UTC)),
        )

    def _read(self, response: httpx.Response) -> tuple[bytes, bool]:
        """The body up to the limit, and whether there was more of it."""
        body = bytearray()
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self.max_body_bytes:
                return bytes(body[: self.max_body_bytes]), True
        return bytes(body), False

    def _checked(self, request: Request) -> httpx.Request:
        """The library's request, exactly as asked for; raises OutsideError where it may not go."""
        try:
            url = httpx.URL(request.url)
            headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
            headers |= request.headers
            outgoing = httpx.Request(
                request.method,
                url,
                headers=headers,
                content=request.body,
                extensions={"timeout": self._timeout()},
            )
        except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
            raise _refused("bad_request", "The request has no valid address or headers.") from error
        if any(_CONTROL.search(part) for pair in headers.items() for part in pair):
            raise _refused("bad_request", "A header holds a control character.")
        host = url.raw_host.decode("ascii")
        port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
        self.guard.check_target(scheme=url.scheme, host=host, port=port, userinfo=url.userinfo)
        if url.raw_path.decode("ascii") != _target(request.url):
            # The library would send another path (`..` resolved, a character escaped): what goes
            # out must be what was asked for and approved.
            raise _refused("address_not_exact", "The address is not in its final form.")
        return outgoing

    def _timeout(self) -> dict[str, float]:
        total = self.timeouts.total_s
        return {
            "connect": self.timeouts.connect_s,
            "read": total,
            "write": total,
            "pool": total,
        }


def _target(url: str) -> str:
    """Path and query as they stand in the text."""
    rest = url.partition("://")[2].partition("#")[0]
    starts = [at for at in (rest.find("/"), rest.find("?")) if at >= 0]
    target = rest[min(starts) :] if starts else ""
    return target if target.startswith("/") else f"/{target}"


def _refused(reason: str, detail: str) -> OutsideError:
    return OutsideError(reason, True, False, detail=detail)


def _failure(reason: str, attempt: Attempt, status: int | None) -> OutsideError:
    words = {
        "timeout": "The other side did not answer in time.",
        "network": "The connection broke before the answer was complete.",
        "connect": "No connection could be made.",
    }
    return OutsideError(reason, False, attempt.has_left, status, detail=words[reason])


def _plain_headers(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _decoded(body: bytes, encoding: str, limit: int) -> tuple[bytes, bool]:
    """The body without its compression, and whether the limit cut it.

    We ask for none; where it comes all the same, it is unpacked no further than the limit. An
    unknown or broken encoding leaves the bytes as they are: the status still counts.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body, False
    unpacker = zlib.decompressobj(_ANY_ZLIB)
    try:
        plain = unpacker.decompress(body, limit)
    except zlib.error:
        return body, False
    return plain, bool(unpacker.unconsumed_tail)
