"""From a request to an arrival, or the reason why not. No database, no waiting, no parsing."""

import hashlib
import hmac
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.context import well_formed
from gateway.lib import ids
from webhooks.ingest.arrival import Arrival
from webhooks.ingest.media import TAKEN, is_taken
from webhooks.ingest.sources import Entry
from webhooks.models import Event
from webhooks.schemes import handshakes
from webhooks.schemes.base import Algorithm, Request, Scheme
from webhooks.schemes.handshakes import Reply
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.verifier import Header, verify

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32 * 1024
MAX_QUERY_BYTES = 4096
# Of a length; longer ones cost time to read, and nobody writes so many zeros in front.
MAX_DIGITS = 20
# With two of one of these, a reader of the first and one of the last read different bodies.
SINGLE = frozenset({b"content-type", b"content-encoding", b"content-length"})
# What may carry a credential of the sender is never kept.
DROPPED = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
# What an unknown address costs, so that it takes as long as a wrong signature.
DECOY = os.urandom(32)


class Rejected(Exception):
    """The delivery is not taken; `final` says that reading the sources again cannot change it."""

    def __init__(self, reason: Reason, *, final: bool = True, wanted: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        # The address of a document that a worker has to fetch first.
        self.wanted = wanted


@dataclass(slots=True)
class Incoming:
    """A whole request to an address; `fields` are its headers by name, the last of equal ones."""

    headers: Sequence[Header]
    fields: Mapping[bytes, bytes]
    body: bytes
    client: str
    query: bytes = b""


def check_form(
    headers: Sequence[Header], fields: Mapping[bytes, bytes], *, max_body_bytes: int
) -> None:
    """The global limits, the same for known and unknown addresses; raises Rejected."""
    if len(headers) > MAX_HEADERS:
        raise Rejected(Reason.TOO_MANY_HEADERS)
    if len(fields) < len(headers) and _is_any_repeated(headers, SINGLE):
        raise Rejected(Reason.MEDIA_TYPE)
    if fields.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Rejected(Reason.MEDIA_TYPE)
    length = fields.get(b"content-length", b"")
    if length != b"0" and not is_taken(fields.get(b"content-type", b""), TAKEN):
        raise Rejected(Reason.MEDIA_TYPE)
    if length.isdigit() and (len(length) > MAX_DIGITS or int(length) > max_body_bytes):
        raise Rejected(Reason.TOO_LARGE)


def _is_any_repeated(headers: Sequence[Header], names: frozenset[bytes]) -> bool:
    found = [name for name, _ in headers if name in names]
    return len(found) > len(set(found))


def judge(entry: Entry | None, incoming: Incoming) -> Arrival | Reply:
    """The arrival of a genuine delivery, or the answer to a handshake.

    Raises Rejected with the reason.
    """
    now = time.time()
    headers, fields, body = incoming.headers, incoming.fields, incoming.body
    if entry is None or not entry.is_enabled or not entry.admits(incoming.client):
        hmac.digest(DECOY, body, "sha256")
        raise Rejected(_why_closed(entry), final=False)
    scheme = entry.scheme
    request = Request(
        headers, body, now, entry.tolerance_s, entry.signed_url(incoming.query), b"POST",
        incoming.query,
        entry.documents,
    )  # fmt: skip
    once = fields if len(fields) == len(headers) else None
    if scheme.wire.shakes_before and (reply := handshakes.before_signature(scheme, request)):
        return reply
    keys = entry.live_keys(now)
    try:
        delivery = verify(scheme, [key.value for key in keys], request, once)
    except Unverified as refused:
        raise Rejected(refused.reason, final=False, wanted=refused.wanted) from None
    key = keys[delivery.secret_index]
    if scheme.wire.shakes_after and (
        reply := handshakes.after_signature(scheme, request, key.value)
    ):
        return reply
    _check_own_limits(entry, fields, body)
    row_id = ids.new_id()
    public_id = ids.encode(Event.PREFIX, row_id)
    guard = _guard(delivery.replayable) if entry.quarantines else ""
    return Arrival(
        id=row_id,
        public_id=public_id,
        entry=entry,
        secret_id=key.secret_id,
        event_id=delivery.event_id or public_id,
        event_type=delivery.event_type,
        sent_at=-1 if delivery.sent_at is None else delivery.sent_at,
        headers=_kept(headers, fields, scheme),
        body=body,
        known_sha256=guard if delivery.replayable is body else "",
        replay_digest=guard,
        correlation_id=_correlation(fields) or public_id,
    )


def greet(entry: Entry | None, query: bytes) -> Reply | None:
    """The answer to a GET by which a provider asks whether somebody is there; usually none."""
    if entry is None or not entry.is_enabled or len(query) > MAX_QUERY_BYTES:
        return None
    return handshakes.by_get(entry.scheme, query, token=entry.verify_token)


def _guard(signed: bytes | None) -> str:
    """What is unique where the same signed bytes could come under another id; else empty."""
    return "" if signed is None else hashlib.sha256(signed).hexdigest()


def _why_closed(entry: Entry | None) -> Reason:
    if entry is None:
        return Reason.UNKNOWN_SOURCE
    return Reason.ADDRESS if entry.is_enabled else Reason.DISABLED


def _check_own_limits(entry: Entry, fields: Mapping[bytes, bytes], body: bytes) -> None:
    if body and not entry.takes(fields.get(b"content-type", b"")):
        raise Rejected(Reason.MEDIA_TYPE)
    if len(body) > entry.max_body_bytes:
        raise Rejected(Reason.TOO_LARGE)
    if entry.allowance is not None and not entry.allowance.take():
        raise Rejected(Reason.TOO_FAST)


def _kept(headers: Sequence[Header], fields: Mapping[bytes, bytes], scheme: Scheme) -> bytes:
    """The headers as lines, in the order of arrival, without what is or may be a credential."""
    dropped = DROPPED
    if scheme.algorithm is Algorithm.TOKEN:
        dropped = dropped.union(scheme.wire.signature_headers)
    if not dropped.isdisjoint(fields):
        headers = [pair for pair in headers if pair[0] not in dropped]
    lines = b"\n".join(map(b": ".join, headers))
    if len(lines) > MAX_HEADER_BYTES:
        raise Rejected(Reason.TOO_LARGE)
    return lines


def _correlation(fields: Mapping[bytes, bytes]) -> str:
    """The sender's correlation id, when it sent one that can be taken over."""
    value = fields.get(b"x-correlation-id")
    if value is None:
        return ""
    text = value.decode("latin-1")
    return text if well_formed(text) else ""
