"""The connection: to a checked address, within a deadline, remembering whether bytes left."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from gateway.http.guard import Guard
from gateway.lib.failpoints import Point, reach

Clock = Callable[[], float]
Options = Iterable[httpcore.SOCKET_OPTION]


class Attempt:
    """One try at one request: how long it may take, and whether anything has left us."""

    def __init__(self, ends_at: float, clock: Clock = time.monotonic) -> None:
        self.ends_at = ends_at
        self.clock = clock
        self.has_left = False

    def within(self, timeout: float | None, error: type[Exception]) -> float:
        """The smaller of the time-out and what is left in seconds; raises where nothing is."""
        left = self.ends_at - self.clock()
        if left <= 0:
            raise error("the total time-out has passed")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection on which no sequence of slow reads outlasts the attempt."""

    def __init__(self, inner: httpcore.NetworkStream, attempt: Attempt) -> None:
        self._inner = inner
        self._attempt = attempt
        # The request's first bytes, as long as none of its answer is there: for failpoints only.
        self._head = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        allowed = self._attempt.within(timeout, httpcore.ReadTimeout)
        if self._head:
            reach(Point.SENT, self._head)
            self._head = b""
        return self._inner.read(max_bytes, allowed)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        allowed = self._attempt.within(timeout, httpcore.WriteTimeout)
        is_first = not self._attempt.has_left
        self._attempt.has_left = True
        self._inner.write(buffer, allowed)
        if is_first:
            self._head = buffer
            reach(Point.PARTLY_SENT, buffer)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        allowed = self._attempt.within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, allowed), self._attempt)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to an address the guard has checked; the name stays with TLS and the Host header."""

    def __init__(self, guard: Guard, attempt: Attempt) -> None:
        self._guard = guard
        self._attempt = attempt
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        allowed = self._attempt.within(timeout, httpcore.ConnectTimeout)
        for address in looked_up(self._guard, host, port, within_s=allowed):
            allowed = self._attempt.within(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._inner.connect_tcp(
                    address, port, allowed, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._attempt)
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Options | None = None,
    ) -> httpcore.NetworkStream:
        raise httpcore.ConnectError("unix sockets are never called")


def looked_up(guard: Guard, host: str, port: int, *, within_s: float) -> tuple[str, ...]:
    """The checked addresses of the name; raises OutsideError, or ConnectTimeout where it is slow.

    The system's look-up knows no time-out and cannot be stopped, so it is left behind: its thread
    ends with it, at the latest when the resolver gives up.
    """
    found: list[tuple[str, ...]] = []
    failed: list[Exception] = []

    def look_up() -> None:
        try:
            found.append(guard.addresses(host, port))
        except Exception as error:  # told to the caller, who waits for it
            failed.append(error)

    thread = threading.Thread(target=look_up, name="look-up", daemon=True)
    thread.start()
    thread.join(within_s)
    if failed:
        raise failed[0]
    if not found:
        raise httpcore.ConnectTimeout(f"the name {host} was not looked up in time")
    return found[0]


class GuardedTransport(httpx.BaseTransport):
    """One connection for one attempt. Nothing is kept alive: a connection that the other side
    closes just as we write would make it unknown whether an action happened.
    """

    def __init__(self, guard: Guard, attempt: Attempt, ssl_context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=1,
            max_keepalive_connections=0,
            network_backend=GuardedBackend(guard, attempt),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(answer),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
