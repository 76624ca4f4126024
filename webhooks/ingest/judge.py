"""From a request to an arrival, or the reason why not. No database, no waiting, no parsing."""

import hashlib
import hmac
import os
import time
from collections.abc import Sequence
from functools import lru_cache

from audit.context import well_formed
from gateway.lib import ids
from webhooks.ingest.arrival import Arrival
from webhooks.ingest.sources import Entry
from webhooks.models import Event
from webhooks.schemes.base import Reason, Unverified
from webhooks.schemes.verifier import Header, verify

MAX_HEADER_BYTES = 32 * 1024
TYPES = {"application/json", "application/x-www-form-urlencoded"}
# What may carry a credential of the sender is never kept.
DROPPED = frozenset({b"authorization", b"proxy-authorization", b"cookie"})
# What an unknown address costs, so that it takes as long as a wrong signature.
DECOY = os.urandom(32)


class Rejected(Exception):
    """The delivery is not taken; `final` says that reading the sources again cannot change it."""

    def __init__(self, reason: Reason, *, final: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


def check_form(headers: Sequence[Header], *, max_body_bytes: int) -> None:
    """The global limits, the same for known and unknown addresses; raises Rejected."""
    fields = dict(headers)
    if fields.get(b"content-encoding", b"identity") != b"identity":
        raise Rejected(Reason.MEDIA_TYPE)
    if not is_taken(fields.get(b"content-type", b"")):
        raise Rejected(Reason.MEDIA_TYPE)
    length = fields.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > max_body_bytes:
        raise Rejected(Reason.TOO_LARGE)


@lru_cache(maxsize=512)
def is_taken(content_type: bytes) -> bool:
    """Whether bodies of this media type are taken."""
    name = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    return name in TYPES or (name.startswith("application/") and name.endswith("+json"))


def judge(entry: Entry | None, headers: Sequence[Header], body: bytes, *, client: str) -> Arrival:
    """The arrival of a genuine delivery; raises Rejected with the reason."""
    now = time.time()
    if entry is None or not entry.is_enabled or not entry.admits(client):
        hmac.digest(DECOY, body, "sha256")
        raise Rejected(_why_closed(entry), final=False)
    keys = entry.live_keys(now)
    try:
        delivery = verify(
            entry.scheme,
            [key.value for key in keys],
            headers,
            body,
            now=now,
            tolerance_s=entry.tolerance_s,
        )
    except Unverified as refused:
        raise Rejected(refused.reason, final=False) from None
    _check_own_limits(entry, body)
    lines = kept(headers)
    row_id = ids.new_id()
    public_id = ids.encode(Event.PREFIX, row_id)
    digest = hashlib.sha256(body).hexdigest()
    return Arrival(
        id=row_id,
        public_id=public_id,
        entry=entry,
        secret_id=keys[delivery.secret_index].secret_id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        sent_at=-1 if delivery.sent_at is None else delivery.sent_at,
        headers=lines,
        body=body,
        body_sha256=digest,
        replay_digest="" if delivery.is_id_signed or not entry.quarantines else digest,
        correlation_id=_correlation(headers) or public_id,
    )


def _why_closed(entry: Entry | None) -> Reason:
    if entry is None:
        return Reason.UNKNOWN_SOURCE
    return Reason.ADDRESS if entry.is_enabled else Reason.DISABLED


def _check_own_limits(entry: Entry, body: bytes) -> None:
    if len(body) > entry.max_body_bytes:
        raise Rejected(Reason.TOO_LARGE)
    if entry.allowance is not None and not entry.allowance.take():
        raise Rejected(Reason.TOO_FAST)


def kept(headers: Sequence[Header]) -> bytes:
    """The headers as lines, in the order of arrival, without what may be a credential."""
    lines = b"\n".join([name + b": " + value for name, value in headers if name not in DROPPED])
    if len(lines) > MAX_HEADER_BYTES:
        raise Rejected(Reason.TOO_LARGE)
    return lines


def _correlation(headers: Sequence[Header]) -> str:
    """The sender's correlation id, when it sent one that can be taken over."""
    value = dict(headers).get(b"x-correlation-id")
    if value is None:
        return ""
    text = value.decode("latin-1")
    return text if well_formed(text) else ""
