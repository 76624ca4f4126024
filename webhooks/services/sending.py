"""Test events: signed with a source's own secret, as its provider would sign them."""

import json
import time
from dataclasses import dataclass

from gateway.lib import ids, sealing
from gateway.lib.errors import Refused
from webhooks.models import Source
from webhooks.schemes.base import Draft
from webhooks.schemes.extras import CannotSign
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import compose
from webhooks.services.secrets import live_secrets

COUNTER = "test_number"


@dataclass(frozen=True)
class SignedEvent:
    """What to POST where."""

    url: str
    headers: dict[str, str]
    body: bytes


def sign_event(
    source: Source, body: bytes, *, event_id: str = "", event_type: str = ""
) -> SignedEvent:
    """The request of a genuine delivery, stamped now.

    Raises Refused without a live secret, or where only the provider can sign.
    """
    secret = next(iter(live_secrets(source)), None)
    if secret is None:
        raise Refused("no_live_secret", f"Source {source.slug} has no secret that counts now.")
    key = key_of(source.rules, sealing.unseal(secret.sealed, **secret.place(source)))
    name = event_id or ids.random_token("test")
    draft = Draft(body, name, int(time.time()), source.signed_url.encode())
    try:
        signed = compose(source.rules, key, draft, event_type=event_type)
    except CannotSign as error:
        raise Refused("cannot_sign", str(error)) from error
    url = f"{source.url}?{signed.query}" if signed.query else source.url
    return SignedEvent(url, {"content-type": "application/json", **signed.headers}, signed.body)


def numbered(body: bytes, number: int) -> bytes:
    """The body as the n-th of several: a JSON object gets one more member, other text an end."""
    if number == 1:
        return body
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if isinstance(value, dict):
        return json.dumps(value | {COUNTER: number}, ensure_ascii=False).encode()
    return body + b" " * number
