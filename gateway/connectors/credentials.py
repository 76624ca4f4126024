"""Putting a credential on a request: headers, or a signature over exactly the bytes sent (pure).

AWS Signature Version 4 as Amazon describes it: the canonical request, the string to sign, a key
derived for one day, region and service.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

from gateway.connectors.base import Secret
from gateway.http.errors import OutsideError
from gateway.http.hosts import may_go, place_of
from gateway.http.messages import Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-_.~"
DEFAULT_PORTS = {"http": 80, "https": 443}
# The door or a proxy writes these; a signature over them would break on the way.
UNSIGNED = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-length", "expect",
        "transfer-encoding", "user-agent",
    }
)  # fmt: skip


def with_credential(request: Request, secret: Secret | None, *, at: datetime) -> Request:
    """The request as its service takes it; `at` is the time that a signature is made for.

    What the credential sets replaces a header of the same name; the headers that a connection pins
    are added where the request has none. Raises ValueError for a credential of another protocol,
    OutsideError for a host that is none of the credential's.
    """
    if secret is None:
        return request
    if not may_go(secret.hosts, request.url):
        raise _elsewhere(request.url)
    present = {name.lower() for name in request.headers}
    pinned = {name: text for name, text in secret.pinned.items() if name.lower() not in present}
    request = replace(request, headers={**request.headers, **pinned})
    if secret.kind == "aws_sigv4":
        return _with(request, _aws(request, secret, at=at))
    return _with(request, headers_of(secret))


def _elsewhere(url: str) -> OutsideError:
    try:
        place = place_of(url)
    except ValueError:
        place = "this address"
    detail = f"Nothing is sent to {place} with this connection: its hosts do not name it."
    return OutsideError("host_refused", True, False, detail=detail)


def headers_of(secret: Secret) -> dict[str, str]:
    """The headers of a credential that is the same for every request."""
    if secret.kind == "bearer":
        return {"Authorization": f"Bearer {secret.value}"}
    if secret.kind == "basic":
        return {"Authorization": basic(secret.username, secret.value)}
    if secret.kind == "header" and secret.header:
        return {secret.header: secret.value}
    raise ValueError(f"a credential of kind {secret.kind!r} cannot be sent over HTTP")


def basic(username: str, password: str) -> str:
    """The value of an Authorization header for user name and password."""
    pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
    return f"Basic {pair}"


def _with(request: Request, ours: Mapping[str, str]) -> Request:
    taken = {name.lower() for name in ours}
    kept = {name: text for name, text in request.headers.items() if name.lower() not in taken}
    return replace(request, headers={**kept, **ours})


def _aws(request: Request, secret: Secret, *, at: datetime) -> dict[str, str]:
    stamp = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(request.body or b"").hexdigest()
    ours = {"X-Amz-Date": stamp}
    if secret.service == "s3":
        ours["X-Amz-Content-Sha256"] = payload
    named = _signed_headers(_with(request, ours))
    names = ";".join(sorted(named))
    parts = urlsplit(request.url)
    canonical = "\n".join(
        [
            request.method.upper(),
            _path(parts.path, service=secret.service),
            _query(parts.query),
            *(f"{name}:{named[name]}" for name in sorted(named)),
            "",
            names,
            payload,
        ]
    )
    scope = f"{stamp[:8]}/{secret.region}/{secret.service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = _day_key(secret, day=stamp[:8])
    signature = _hmac(key, f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}").hex()
    return ours | {
        "Authorization": f"{ALGORITHM} Credential={secret.username}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    }


def _signed_headers(request: Request) -> dict[str, str]:
    named = {"host": _host(request.url)}
    for name, text in request.headers.items():
        if name.lower() not in UNSIGNED:
            named[name.lower()] = " ".join(text.split())
    return named


def _host(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode("ascii")
    host = f"[{host}]" if ":" in host else host
    is_usual = parts.port is None or parts.port == DEFAULT_PORTS.get(parts.scheme)
    return host if is_usual else f"{host}:{parts.port}"


def _path(path: str, *, service: str) -> str:
    """S3 encodes the plain path once; every other service encodes what was sent once more."""
    plain = unquote(path) if service == "s3" else path
    return quote(plain or "/", safe=f"/{UNRESERVED}")


def _query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    encoded = [(_encoded(name), _encoded(value)) for name, _, value in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=UNRESERVED)


def _day_key(secret: Secret, *, day: str) -> bytes:
    key = f"AWS4{secret.value}".encode()
    for part in (day, secret.region, secret.service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
