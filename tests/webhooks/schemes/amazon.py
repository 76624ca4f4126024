"""A topic of Amazon SNS with a certificate of our own making, and messages that Amazon signed."""

import base64
import datetime as dt
import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.webhooks.schemes.deliveries import NOW, Given
from webhooks.schemes.sns import signed_content

RECORDED = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks" / "sns"
TOPIC = "arn:aws:sns:us-west-2:123456789012:orders"
CERTIFICATE = "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-0a1b.pem"
SUBSCRIBE = (
    "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"
    f"&TopicArn={TOPIC}&Token=2336412f37fb687f5d51e6e2425e"
)
TEXT = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
DIGESTS = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 - as Amazon signs


@cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """One key of this size for all tests: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def certificate(
    *, name: str = "sns.amazonaws.com", begins: float = NOW - 86_400, days: int = 30,
    bits: int = 2048,
) -> bytes:  # fmt: skip
    """A certificate for the key, in PEM."""
    start = dt.datetime.fromtimestamp(begins, dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private_key(bits).public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(private_key(bits), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def message(*, sent_at: float = NOW, version: str = "2", bits: int = 2048, **changes: Any) -> bytes:
    """A message to the topic, signed as it is; a member that is None is left out."""
    moment = dt.datetime.fromtimestamp(sent_at, dt.UTC)
    fields: dict[str, Any] = {
        "Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC, "Subject": "An order", "Message": '{"order":1,\n "text":"é"}',
        "Timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "SignatureVersion": version, "SigningCertURL": CERTIFICATE,
    }  # fmt: skip
    fields = {k: v for k, v in (fields | changes).items() if v is not None}
    content = signed_content(fields)
    signature = private_key(bits).sign(
        content, padding.PKCS1v15(), DIGESTS.get(version, DIGESTS["2"])
    )
    return json.dumps(fields | {"Signature": base64.b64encode(signature).decode()}).encode()


def delivery(body: bytes | None = None, **changes: Any) -> Given:
    """A genuine delivery of this body, with the certificate at hand."""
    return Given(
        "sns", (TOPIC,), message(**changes) if body is None else body, TEXT,
        documents={CERTIFICATE: certificate()},
    )  # fmt: skip


def changed(body: bytes, **changes: Any) -> bytes:
    """The body with members changed after it was signed; None takes one away."""
    fields = json.loads(body) | changes
    return json.dumps({k: v for k, v in fields.items() if v is not None}).encode()
