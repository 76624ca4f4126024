"""Trying a scheme on a request that was pasted: does it verify, what does it say? Keeps nothing."""

import time
from contextlib import suppress
from dataclasses import dataclass

from gateway.lib import sealing
from webhooks import routing
from webhooks.models import Source
from webhooks.pasted import BadPaste, parse
from webhooks.schemes.base import Request, Scheme
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.secrets import BadSecret, key_of
from webhooks.schemes.verifier import Delivery, verify
from webhooks.services.secrets import live_secrets

# Far enough for any time that a request can carry.
ANY_AGE_S = 10**12
OLD = frozenset({Reason.STALE, Reason.FUTURE})


@dataclass(frozen=True)
class Trial:
    """What came out; `problem` is empty where the request verifies as it is."""

    problem: str = ""
    note: str = ""
    event_id: str = ""
    event_type: str = ""
    sent_at: float | None = None

    @property
    def is_genuine(self) -> bool:
        """Whether one of the secrets signed it."""
        return not self.problem


def try_scheme(
    scheme: Scheme,
    *,
    headers: str,
    body: str,
    secret: str = "",
    url: str = "",
    source: Source | None = None,
) -> Trial:
    """Verify a pasted request with this secret, or with the live ones of the source.

    A request signed long ago still shows its id and type, with a note that its time is over.
    """
    try:
        pasted = parse(headers, body)
        keys = _keys(scheme, secret, source)
    except (BadPaste, BadSecret) as error:
        return Trial(problem=str(error))
    if not keys:
        return Trial(problem="Give the secret to try: there is none that counts now.")
    address = url or (source.signed_url if source else "")
    request = Request(
        pasted.headers, pasted.body, time.time(), url=address.encode(), query=pasted.query
    )
    try:
        return _told(scheme, verify(scheme, keys, request), request)
    except Unverified as refused:
        if refused.reason not in OLD:
            return Trial(problem=_words(refused.reason))
        note = "The signature fits; now, it would be refused for its time."
    ageless = request._replace(tolerance_s=ANY_AGE_S)
    try:
        return _told(scheme, verify(scheme, keys, ageless), request, note=note)
    except Unverified as refused:
        return Trial(problem=_words(refused.reason))


def _keys(scheme: Scheme, secret: str, source: Source | None) -> list[bytes]:
    if secret:
        return [key_of(scheme, secret)]
    if source is None:
        return []
    keys = []
    for kept in live_secrets(source):
        with suppress(sealing.CannotUnseal):
            keys.append(key_of(scheme, sealing.unseal(kept.sealed, **kept.place(source))))
    return keys


def _told(scheme: Scheme, delivery: Delivery, request: Request, *, note: str = "") -> Trial:
    content_type = dict(request.headers).get(b"content-type", b"").decode("latin-1")
    body = routing.read_body(request.body, content_type)
    return Trial(
        note=note,
        event_id=delivery.event_id,
        event_type=delivery.event_type or routing.type_in(scheme, body),
        sent_at=delivery.sent_at,
    )


def _words(reason: Reason) -> str:
    return f"{reason.replace('_', ' ').capitalize()}: the request is refused."
