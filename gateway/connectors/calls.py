"""Sending a rendered request, and what its answer means for an action. No I/O of its own.

Shared by the connectors that speak HTTP, so that "did it happen?" is answered in one place.
"""

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus, Reply, Secret
from gateway.connectors.credentials import basic, with_credential
from gateway.http.errors import OutsideError
from gateway.http.messages import MAX_BODY_BYTES, Answer, Request, RetryClass, Sender
from gateway.http.retry import RETRIED_STATUSES
from gateway.http.status import PASSING_STATUSES, refused
from gateway.lib.strictjson import Ambiguous, parse

EXCERPT_CHARACTERS = 2000
RESULT_CHARACTERS = 16_000
PREVIEW_ATTEMPTS = 2
PREVIEW_DEADLINE_S = 10.0
KEPT_HEADERS = (
    "content-type", "date", "location", "retry-after", "x-request-id", "request-id", "etag",
)  # fmt: skip
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
Judge = Callable[[Answer, Outcome], Outcome]
Refusal = Callable[[Answer], OutsideError]
UNAUTHORIZED_STATUS = 401
UNAUTHORIZED = f"http_{UNAUTHORIZED_STATUS}"
# Below this there is no time for an answer, and a change would only become unknown.
LEAST_S = 1.0
MASK = "[secret]"
# A shorter value would be found by chance in ordinary text.
SHORTEST_MASKED = 6


def perform(request: ConnectorRequest, *, judge: Judge | None = None) -> Outcome:
    """Send what was approved, once, and say how it ended. Never raises for what happens outside.

    `judge` is for services whose status does not tell the whole truth (an error under status 200):
    it gets the answer and the outcome as the status alone gives it. A credential that is refused
    (`http_401`, which a judge may say as well: the service did not act) is renewed once, and the
    request sent once more.
    """
    began = monotonic()
    outcome = _attempt(request, judge)
    if outcome.reason != UNAUTHORIZED or outcome.may_have_happened:
        return outcome
    left_s = request.deadline_s - (monotonic() - began)
    if left_s < LEAST_S or (fresh := _renewed(request)) is None:
        return outcome
    left_s = request.deadline_s - (monotonic() - began)
    if left_s < LEAST_S:
        # Later than anybody counts on a call to leave: the next attempt has the new credential.
        return replace(outcome, retryable=True)
    return _attempt(replace(request, secret=fresh, deadline_s=left_s), judge)


def read(
    request: ConnectorRequest, rendered: dict[str, Any], *, refusal: Refusal | None = None
) -> Any:
    """The JSON (or text) of a harmless GET, None where there is nothing (404).

    A refused credential is renewed once. Raises OutsideError where the present state cannot be
    read; `refusal` is for services whose status does not tell whether it passes.
    """
    try:
        answer = _look(request, rendered)
        if answer.status == UNAUTHORIZED_STATUS and (fresh := _renewed(request)):
            request = replace(request, secret=fresh)
            answer = _look(request, rendered)
        if not answer.ok and answer.status != 404:
            raise refusal(answer) if refusal else refused(answer, service="The service")
    except OutsideError as error:
        # Whatever became of it: reading changes nothing.
        error.may_have_happened = False
        raise
    return None if answer.status == 404 else _value(answer)


def outgoing(request: ConnectorRequest, rendered: Any, *, is_reading: bool = False) -> Request:
    """The rendered request with what is never rendered: credential, key, correlation id.

    Raises OutsideError where the credential is of another protocol, or does not go to that host.
    """
    headers = {str(name): str(value) for name, value in (rendered.get("headers") or {}).items()}
    ours = {"X-Correlation-ID": request.correlation_id}
    if not is_reading:
        ours["Idempotency-Key"] = request.idempotency_key
    taken = {name.lower() for name in ours}
    headers = {name: value for name, value in headers.items() if name.lower() not in taken} | ours
    plain = Request(str(rendered["method"]), str(rendered["url"]), headers, _bytes(rendered))
    try:
        return with_credential(plain, request.secret, at=datetime.now(UTC))
    except ValueError as error:
        raise OutsideError("credential_unfit", True, False, detail=f"{error}.") from error


def _bytes(rendered: Any) -> bytes | None:
    """The rendered body: text, or in base64 where it is none."""
    if (encoded := rendered.get("body_base64")) is not None:
        return base64.b64decode(str(encoded))
    body = rendered.get("body")
    return None if body is None else str(body).encode()


def dwindling(request: ConnectorRequest) -> Callable[[], ConnectorRequest]:
    """For several calls within one deadline: each time the request with what is left of it.

    The function raises OutsideError where nothing is.
    """
    ends_at = monotonic() + request.deadline_s

    def left() -> ConnectorRequest:
        left_s = ends_at - monotonic()
        if left_s < LEAST_S:
            raise OutsideError("timeout", False, False, detail="There was no time to read it all.")
        return replace(request, deadline_s=left_s)

    return left


def costing(request: ConnectorRequest, points: float) -> ConnectorRequest:
    """The attempt whose calls take so many points of what the service allows the account."""
    return replace(request, client=_Counted(request.client, points))


@dataclass(frozen=True)
class _Counted:
    """The door, told what each call costs."""

    door: Sender
    points: float

    def send(
        self,
        request: Request,
        *,
        retry_class: RetryClass = RetryClass.UNSAFE,
        deadline_s: float | None = None,
        attempts: int | None = None,
    ) -> Answer:
        return self.door.send(
            replace(request, points=self.points), retry_class=retry_class,
            deadline_s=deadline_s, attempts=attempts,
        )  # fmt: skip

    def addresses(self, host: str, port: int, *, within_s: float | None = None) -> tuple[str, ...]:
        return self.door.addresses(host, port, within_s=within_s)


def _attempt(request: ConnectorRequest, judge: Judge | None) -> Outcome:
    try:
        answer = request.client.send(
            outgoing(request, request.rendered), deadline_s=request.deadline_s, attempts=1
        )
    except OutsideError as error:
        return _no_answer(error)
    answer = _masked(answer, request)
    outcome = _outcome(answer, reading=_is_reading(request))
    return judge(answer, outcome) if judge else outcome


def _is_reading(request: ConnectorRequest) -> bool:
    """By the tool's class: there are services that change things on a GET, and read by POST.

    By the method where no tool is behind the call.
    """
    if request.side_effect:
        return request.only_reads
    return str(request.rendered["method"]).upper() in READING_METHODS


def _look(request: ConnectorRequest, rendered: dict[str, Any]) -> Answer:
    answer = request.client.send(
        outgoing(request, rendered, is_reading=True),
        retry_class=RetryClass.SAFE,
        deadline_s=min(request.deadline_s, PREVIEW_DEADLINE_S),
        attempts=PREVIEW_ATTEMPTS,
    )
    return _masked(answer, request)


def _renewed(request: ConnectorRequest) -> Secret | None:
    """Another credential than the one that was refused; None where there is none."""
    if request.renew is None or request.secret is None:
        return None
    fresh = request.renew()
    return fresh if fresh != request.secret else None


def _no_answer(error: OutsideError) -> Outcome:
    """A call without an answer: nothing happened where nothing had left us, else nobody knows."""
    happened = error.may_have_happened
    return Outcome(
        status=OutcomeStatus.UNKNOWN if happened else OutcomeStatus.FAILED,
        error=error.detail,
        reason=error.reason,
        may_have_happened=happened,
        retryable=not error.permanent,
        retry_after=error.retry_after,
    )


def _outcome(answer: Answer, *, reading: bool) -> Outcome:
    reply = _reply(answer)
    if answer.ok:
        value = _value(answer)
        return Outcome(
            OutcomeStatus.SUCCEEDED, result=value, response=reply, may_have_happened=True
        )
    # A 4xx is the service's word that it did not act. After a 5xx, or a redirect in answer to a
    # change (many services answer a change they made with one), nobody knows.
    unknown = answer.status >= 500 or (answer.status < 400 and not reading)
    passing = answer.status in PASSING_STATUSES or answer.status in RETRIED_STATUSES
    return Outcome(
        status=OutcomeStatus.UNKNOWN if unknown else OutcomeStatus.FAILED,
        error=f"The service answered with status {answer.status}.",
        reason=f"http_{answer.status}",
        response=reply,
        may_have_happened=unknown,
        retryable=passing,
        retry_after=answer.retry_after,
    )


def _value(answer: Answer) -> Any:
    """The answer's JSON where it is strict JSON, else its text, cut to a bearable length."""
    text = _text(answer.body)
    if not text.strip():
        return None
    if not answer.truncated:
        try:
            return parse(text, max_bytes=MAX_BODY_BYTES * 2)
        except Ambiguous:
            pass
    return text[:RESULT_CHARACTERS]


def _reply(answer: Answer) -> Reply:
    kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
    return Reply(answer.status, kept, _text(answer.body)[:EXCERPT_CHARACTERS])


def _text(body: bytes) -> str:
    """The body as text that a database takes."""
    return body.decode("utf-8", errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _masked(answer: Answer, request: ConnectorRequest) -> Answer:
    """The answer without what it was asked with, before anybody reads, quotes or keeps it."""
    texts = _unspoken(request)
    if not texts:
        return answer
    body = answer.body
    for text in texts:
        body = body.replace(text.encode(), MASK.encode())
    headers = {name: _without(texts, value) for name, value in answer.headers.items()}
    return replace(answer, body=body, headers=headers)


def _without(texts: Iterable[str], value: str) -> str:
    for text in texts:
        value = value.replace(text, MASK)
    return value


def _unspoken(request: ConnectorRequest) -> list[str]:
    """The longest first, so that no part of one is left of what another has taken."""
    texts, secret = list(request.hidden), request.secret
    if secret is not None and len(secret.value) >= SHORTEST_MASKED:
        # As it is, and as it travels with a user name.
        pair = basic(secret.username, secret.value).removeprefix("Basic ")
        texts += [secret.value, pair]
    return sorted((text for text in texts if len(text) >= SHORTEST_MASKED), key=len, reverse=True)
