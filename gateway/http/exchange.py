"""One try at one request: exactly these bytes out, a bounded answer in."""

import re
import ssl
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import httpcore
import httpx

from gateway.http.errors import OutsideError
from gateway.http.guard import DEFAULT_PORTS, Guard
from gateway.http.messages import Answer, Request
from gateway.http.retry import retry_after_s
from gateway.http.wire import Attempt, GuardedTransport

USER_AGENT = "Countersign"
# The marker of zlib for "gzip or zlib, look at the first bytes".
_ANY_ZLIB = zlib.MAX_WBITS | 32
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WORDS = {
    "timeout": "The other side did not answer in time.",
    "network": "The connection broke before the answer was complete.",
    "connect": "No connection could be made.",
}


@cache
def default_tls() -> ssl.SSLContext:
    """The one TLS context of the process: reading the authorities takes 20 ms."""
    # Not from the environment: a variable must not be able to turn verification elsewhere.
    return httpx.create_ssl_context(trust_env=False)


def checked(request: Request, guard: Guard, timeout: Mapping[str, float]) -> httpx.Request:
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
            extensions={"timeout": dict(timeout)},
        )
    except (httpx.InvalidURL, UnicodeError, ValueError, TypeError) as error:
        raise refused("bad_request", "The request has no valid address or headers.") from error
    if any(_CONTROL.search(part) for pair in headers.items() for part in pair):
        raise refused("bad_request", "A header holds a control character.")
    host, port = host_and_port(outgoing)
    guard.check_target(scheme=url.scheme, host=host, port=port, userinfo=url.userinfo)
    if url.raw_path.decode("ascii") != _target(request.url):
        # The library would send another path (`..` resolved, a character escaped): what goes
        # out must be what was asked for and approved.
        raise refused("address_not_exact", "The address is not in its final form.")
    return outgoing


def host_and_port(outgoing: httpx.Request) -> tuple[str, int]:
    """Where the request goes, as the library reads its address."""
    url = outgoing.url
    port = DEFAULT_PORTS.get(url.scheme, 0) if url.port is None else url.port
    return url.raw_host.decode("ascii"), port


def exchange(
    outgoing: httpx.Request, attempt: Attempt, *, guard: Guard, tls: ssl.SSLContext, limit: int
) -> Answer:
    """Send it and read the answer, of whose body no more than `limit` bytes.

    Raises OutsideError where there is no whole answer.
    """
    transport = GuardedTransport(guard, attempt, tls)
    status: int | None = None
    try:
        with httpx.Client(transport=transport, trust_env=False, follow_redirects=False) as http:
            response = http.send(outgoing, stream=True)
            status = response.status_code
            body, truncated = _read(response, limit)
    except (httpcore.TimeoutException, httpx.TimeoutException) as error:
        raise _failure("timeout", attempt, status) from error
    except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
        raise OutsideError(
            "bad_request", True, attempt.has_left, detail="The request cannot be sent as it is."
        ) from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.TransportError) as error:
        raise _failure("network" if attempt.has_left else "connect", attempt, status) from error
    headers = {name.lower(): value for name, value in response.headers.items()}
    body, cut = _decoded(body, headers.get("content-encoding", ""), limit)
    return Answer(
        status=status,
        headers=headers,
        body=body,
        truncated=truncated or cut,
        retry_after=retry_after_s(headers.get("retry-after"), datetime.now(UTC)),
    )


def refused(reason: str, detail: str) -> OutsideError:
    """What may not go out at all: nothing happened, and asking again does not help."""
    return OutsideError(reason, True, False, detail=detail)


def _target(url: str) -> str:
    """Path and query as they stand in the text."""
    rest = url.partition("://")[2].partition("#")[0]
    starts = [at for at in (rest.find("/"), rest.find("?")) if at >= 0]
    target = rest[min(starts) :] if starts else ""
    return target if target.startswith("/") else f"/{target}"


def _failure(reason: str, attempt: Attempt, status: int | None) -> OutsideError:
    return OutsideError(reason, False, attempt.has_left, status, detail=_WORDS[reason])


def _read(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """The body up to the limit, and whether there was more of it."""
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > limit:
            return bytes(body[:limit]), True
    return bytes(body), False


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
