"""What senders are told: one body for everything that is not genuine, nothing about why."""

from dataclasses import dataclass
from http import HTTPStatus

from webhooks.ingest.arrival import Outcome
from webhooks.schemes.handshakes import Reply
from webhooks.schemes.reasons import Reason

JSON = (b"content-type", b"application/json")
NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
RETRY_S = b"5"
PHRASES = {status.value: status.phrase.encode() for status in HTTPStatus}

Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """A status, headers without the body's length, and a body."""

    status: int
    body: bytes
    headers: Headers


def wire(answer: Answer, *, is_last: bool) -> bytes:
    """The answer as it travels. Its headers and body are words and ids of our own."""
    status, body = answer.status, answer.body
    lines = [PHRASES[status], *map(b": ".join, answer.headers)]
    if status != 204:
        lines.append(b"content-length: %d" % len(body))
    if is_last:
        lines.append(b"connection: close")
    return b"HTTP/1.1 %d %b\r\n\r\n%b" % (status, b"\r\n".join(lines), body)


def _error(status: int, word: str, *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(status, b'{"error":"%b"}' % word.encode(), [JSON, *headers])


NOT_GENUINE = _error(401, "invalid_signature")
# Some providers try an address with HEAD; known and unknown ones say the same.
HERE = Answer(200, b"", [])
WRONG_METHOD = _error(405, "method_not_allowed", (b"allow", b"POST"))
TOO_LARGE = _error(413, "too_large")
# The rest of a body that is too long is not read, so the connection cannot go on.
TOO_LARGE_TO_READ = _error(413, "too_large", (b"connection", b"close"))
# As the servers answer that see more than this before us.
TOO_MANY_HEADERS = _error(431, "headers_too_large", (b"connection", b"close"))
WRONG_TYPE = _error(415, "unsupported_media_type")
TOO_FAST = _error(429, "too_many_requests", (b"retry-after", b"1"))
UNAVAILABLE = _error(503, "unavailable", (b"retry-after", RETRY_S))

BY_REASON = {
    Reason.TOO_LARGE: TOO_LARGE,
    Reason.TOO_MANY_HEADERS: TOO_MANY_HEADERS,
    Reason.MEDIA_TYPE: WRONG_TYPE,
    Reason.TOO_FAST: TOO_FAST,
    Reason.OVERLOADED: UNAVAILABLE,
    Reason.STORAGE: UNAVAILABLE,
    Reason.NO_DOCUMENT: UNAVAILABLE,
}
STATUS = {Outcome.ACCEPTED: 202, Outcome.DUPLICATE: 200, Outcome.QUARANTINED: 202}


def handshake(reply: Reply) -> Answer:
    """The provider's own shape, as text that no browser would run."""
    return Answer(
        200,
        reply.body,
        [(b"content-type", reply.media_type), (b"x-content-type-options", b"nosniff")],
    )


def refusal(reason: Reason) -> Answer:
    """The answer to a delivery that is refused for this reason."""
    return BY_REASON.get(reason, NOT_GENUINE)


def acknowledgement(
    outcome: Outcome, event: str, *, correlation_id: str, status: int | None
) -> Answer:
    """The answer to a delivery that is in the database; `status` replaces the usual one."""
    code = status or STATUS[outcome]
    headers = [(b"x-correlation-id", correlation_id.encode())]
    if code == 204:
        return Answer(code, b"", headers)
    body = b'{"status":"%b","event":"%b"}' % (outcome.encode(), event.encode())
    return Answer(code, body, [JSON, *headers])
