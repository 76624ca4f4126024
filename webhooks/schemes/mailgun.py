"""Mailgun signs a time and a token that stand in the body, and nothing of the event itself."""

import hmac
import json
from collections.abc import Sequence
from typing import Any

from webhooks.schemes import stamps
from webhooks.schemes.base import Proof, Request, Scheme, Unit
from webhooks.schemes.bodies import member, read, read_json, text_of
from webhooks.schemes.extras import CannotSign, Draft, Signed
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import decode, matching_key
from webhooks.schemes.signer import HASHES

FIELDS = ("timestamp", "token", "signature")
# Time and token are signed without anything between them: were the time's length free, a digit
# could move from one to the other and the same signature would fit another time and token.
STAMP_DIGITS = 10
MAX_TOKEN = 128


def check(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Proof:
    """Raises Unverified unless one of the keys signed the time and the token of the body."""
    stamp, token, signature = _fields(read(request.body, request.media_type))
    if not (stamp and token and signature):
        raise Unverified(Reason.MISSING)
    sent_at = stamps.parse(stamp.encode("utf-8", "replace"), Unit.SECONDS)
    if sent_at is None or len(stamp) != STAMP_DIGITS:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    if len(token) > MAX_TOKEN or not (token.isascii() and token.isprintable()):
        raise Unverified(Reason.MALFORMED_ID)
    given = decode(scheme, signature.encode("utf-8", "replace"))
    if given is None:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    content = (stamp + token).encode()
    return Proof(matching_key(scheme.algorithm, keys, content, [given]), content, sent_at)


def _fields(body: Any) -> list[str]:
    """Time, token and signature, from the member `signature` or from the fields of a form."""
    nested = member(body, "signature")
    place = nested if isinstance(nested, dict) else body
    return [text_of(member(place, name)) for name in FIELDS]


def sign(scheme: Scheme, key: bytes, draft: Draft) -> Signed:
    """The body with a signature in it; raises CannotSign where it is no JSON object."""
    body = read_json(draft.body)
    if not isinstance(body, dict):
        raise CannotSign(f"A delivery of {scheme.title} is a JSON object.")
    stamp = stamps.write(draft.sent_at, Unit.SECONDS)
    signature = hmac.digest(key, (stamp + draft.event_id).encode(), HASHES[scheme.algorithm])
    body["signature"] = dict(zip(FIELDS, (stamp, draft.event_id, signature.hex()), strict=True))
    return Signed({}, json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass"))
