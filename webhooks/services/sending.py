"""Test events: signed with a source's own secret, as its provider would sign them."""

import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.http.door import door
from gateway.http.messages import Answer, Request, RetryClass
from gateway.lib import ids, sealing
from gateway.lib.errors import Refused
from webhooks.models import Source
from webhooks.schemes.extras import CannotSign, Draft
from webhooks.schemes.secrets import BadSecret, key_of
from webhooks.schemes.signer import compose
from webhooks.services.secrets import live_secrets

COUNTER = "test_number"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class SignedEvent:
    """What to POST where."""

    url: str
    headers: dict[str, str]
    body: bytes


def sign_event(
    source: Source,
    body: bytes,
    *,
    event_id: str = "",
    event_type: str = "",
    private_key: bytes | None = None,
) -> SignedEvent:
    """The request of a genuine delivery, stamped now.

    `private_key` belongs to a public key that the source keeps, where its scheme has such ones.
    Raises Refused without a live secret, or where only the provider can sign.
    """
    key = _newest_key(source) if private_key is None else private_key
    name = event_id or ids.random_token("test")
    draft = Draft(body, name, int(time.time()), source.signed_url.encode())
    try:
        signed = compose(source.rules, key, draft, event_type=event_type)
    except CannotSign as error:
        raise Refused("cannot_sign", str(error)) from error
    url = f"{source.url}?{signed.query}" if signed.query else source.url
    return SignedEvent(url, {"content-type": "application/json", **signed.headers}, signed.body)


def _newest_key(source: Source) -> bytes:
    secret = next(iter(live_secrets(source)), None)
    if secret is None:
        raise Refused("no_live_secret", f"Source {source.slug} has no secret that counts now.")
    if source.rules.algorithm.is_asymmetric and source.rules.check is None:
        detail = f"Source {source.slug} keeps a public key only: its provider signs."
        raise Refused("cannot_sign", detail)
    try:
        return key_of(source.rules, sealing.unseal(secret.sealed, **secret.place(source)))
    except (sealing.CannotUnseal, BadSecret) as error:
        detail = f"The newest secret of {source.slug} cannot be used: {error}"
        raise Refused("secret_unusable", detail) from error


def deliver(signed: SignedEvent, *, deadline_s: float) -> Answer:
    """POST it once, as its provider would; raises OutsideError without an answer."""
    # Our own address may be a private one.
    with door(allow=[_host_and_port(signed.url)]) as sender:
        return sender.send(
            Request("POST", signed.url, signed.headers, signed.body),
            retry_class=RetryClass.UNSAFE,
            deadline_s=deadline_s,
            attempts=1,
        )


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or DEFAULT_PORTS.get(parts.scheme, 0)}"


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
