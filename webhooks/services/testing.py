"""Send test event: a sample, signed as its provider would, through the source's own door."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.http.errors import OutsideError
from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.tenants.principals import Principal
from webhooks.ingest.direct import receive_now
from webhooks.models import Event, Secret, Source
from webhooks.samples import Sample, body_of
from webhooks.schemes.base import Algorithm, Encoding, Scheme
from webhooks.services import ordering
from webhooks.services.secrets import NewSecret, add_secret, retire_secret
from webhooks.services.sending import SignedEvent, deliver, sign_event

DEADLINE_S = 10.0
# A public key made for one test counts no longer than this, whatever happens to the test.
MOMENT = timedelta(minutes=10)
RSA_BITS = 2048
DER = serialization.Encoding.DER
HERE = "127.0.0.1"


@dataclass(frozen=True)
class Tested:
    """The answer to a test event.

    `is_direct` says that the address could not be reached from here, so that the event was handed
    to the same reception without the network; `trouble` says why.
    """

    status: int
    body: str
    event: Event | None
    is_direct: bool = False
    trouble: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the provider would be content."""
        return 200 <= self.status < 300


class KeyPair(NamedTuple):
    """A public key as a secret's text, and its private key as the signer takes it."""

    public: str
    private: bytes


def send_test(
    source: Source, sample: Sample, *, text: str = "", by: Principal | None = None
) -> Tested:
    """Sign a sample, or this text in its place, and send it to the source's own address.

    Whoever sends it (`by`; nobody where the application does) never decides what it asks for.
    Where only the provider has the private key, a pair is made for this test: its public key
    counts until the answer came, its private key is never stored. Raises Refused where the source
    has no live secret, or nobody but the provider can sign.
    """
    event_id = ids.random_token("test")
    body = _body(sample, text, event_id)
    momentary, private_key = _momentary(source)
    try:
        signed = sign_event(
            source, body, event_id=event_id, event_type=sample.event_type, private_key=private_key
        )
        if by is not None:
            ordering.note(source, hashlib.sha256(signed.body).hexdigest(), by)
        tested = _sent(source, signed)
    finally:
        if momentary is not None:
            retire_secret(source, momentary)
    audit.record(
        AuditAction.SOURCE_TESTED,
        target=Target("source", source.public_id, source.version),
        scope=source.environment.audit_scope,
        meta={"event_id": event_id, "status": tested.status},
    )
    return tested


def _body(sample: Sample, text: str, event_id: str) -> bytes:
    """The sample, or the text with its marks replaced; text that is no JSON is sent as it is."""
    value = body_of(sample, event_id=event_id)
    if text:
        try:
            value = body_of(Sample("", "", json.loads(text)), event_id=event_id)
        except ValueError:
            return text.encode("utf-8", "surrogatepass")
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _momentary(source: Source) -> tuple[Secret | None, bytes | None]:
    """A key pair for one test where the scheme is asymmetric; else nothing."""
    if not source.rules.algorithm.is_asymmetric or source.rules.check is not None:
        return None, None
    pair = key_pair(source.rules)
    secret = NewSecret(pair.public, not_after=timezone.now() + MOMENT)
    return add_secret(source, secret), pair.private


def key_pair(scheme: Scheme) -> KeyPair:
    """A fresh pair for the scheme; raises Refused where its keys have no text."""
    if scheme.secret_encoding is Encoding.UTF8:
        detail = "The scheme's public keys are written neither in hex nor in base64."
        raise Refused("cannot_sign", detail)
    if scheme.algorithm is Algorithm.ED25519:
        made = ed25519.Ed25519PrivateKey.generate()
        public = made.public_key().public_bytes_raw()
        return KeyPair(_written(scheme, public), made.private_bytes_raw())
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if scheme.algorithm is Algorithm.ECDSA_P256:
        private = ec.generate_private_key(ec.SECP256R1())
    else:
        private = rsa.generate_private_key(65537, RSA_BITS)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = private.public_key().public_bytes(DER, form)
    secret = private.private_bytes(
        DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(_written(scheme, public), secret)


def _written(scheme: Scheme, key: bytes) -> str:
    is_hex = scheme.secret_encoding is Encoding.HEX
    return scheme.secret_prefix + (key.hex() if is_hex else base64.b64encode(key).decode("ascii"))


def _sent(source: Source, signed: SignedEvent) -> Tested:
    """Over HTTP like any provider's; by hand where our own address leads nowhere from here."""
    begun = timezone.now()
    try:
        answer = deliver(signed, deadline_s=DEADLINE_S)
    except OutsideError as error:
        if error.may_have_happened:
            raise Refused("no_answer", f"{source.url} gave no answer: {error.detail}") from error
        return _by_hand(source, signed, trouble=error.detail)
    return _told(source, answer.status, answer.body, begun=begun)


def _by_hand(source: Source, signed: SignedEvent, *, trouble: str) -> Tested:
    begun = timezone.now()
    headers = [(name.encode(), value.encode()) for name, value in signed.headers.items()]
    query = urlsplit(signed.url).query.encode()
    answer = receive_now(source.address, headers, signed.body, client=HERE, query=query)
    told = _told(source, answer.status, answer.body, begun=begun)
    return Tested(told.status, told.body, told.event, is_direct=True, trouble=trouble)


def _told(source: Source, status: int, body: bytes, *, begun: datetime) -> Tested:
    events = Event.objects.filter(source=source)
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    name = said.get("event", "") if isinstance(said, dict) else ""
    found = events.public(str(name)).first() if name else None
    if found is None and 200 <= status < 300:
        found = events.filter(received_at__gte=begun).order_by("-id").first()
    return Tested(status, body[:500].decode("utf-8", "replace"), found)
