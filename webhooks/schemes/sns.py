"""Amazon SNS signs named fields of the body; its certificate is fetched from Amazon alone.

A message has to belong to the topic that the source names before any address in it is looked at.
Nothing between the fields but line breaks is signed, so only the message itself may hold one.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from webhooks.schemes import stamps
from webhooks.schemes.base import Algorithm, Proof, Request, Scheme, Unit
from webhooks.schemes.bodies import read_json
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import decode, matching_key, rsa_key

ARN = r"arn:aws[a-z-]{0,20}:sns:[a-z0-9-]{3,30}:[0-9]{12}:[A-Za-z0-9_.-]{1,256}"
HOST = r"https://sns\.(?P<region>[a-z0-9-]{3,30})\.amazonaws\.com(?:\.cn)?"
CERTIFICATE = re.compile(HOST + r"/[A-Za-z0-9_-]{1,100}\.pem")
CONFIRMATION = re.compile(HOST + r"/\?Action=ConfirmSubscription&[A-Za-z0-9_.:=&%-]{1,2000}")
# As Amazon names the certificates of its regions, old and new.
NAMES = re.compile(r"sns(?:-signing\.[a-z0-9-]+|[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?")
NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"
SIGNED = ("MessageId", "Subject", "Timestamp", "TopicArn", "Type")
SIGNED_CONFIRMATION = ("MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
FIELDS = {
    NOTIFICATION: SIGNED,
    SUBSCRIPTION: SIGNED_CONFIRMATION,
    "UnsubscribeConfirmation": SIGNED_CONFIRMATION,
}
# S303: the first version of these signatures is over SHA-1, and topics may still use it.
HASHES: dict[Any, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303


class Certificate(NamedTuple):
    """A signing certificate and the seconds since 1970 between which it counts."""

    key: rsa.RSAPublicKey
    begins: float
    ends: float


def check(scheme: Scheme, request: Request, keys: Sequence[bytes]) -> Proof:
    """Raises Unverified unless Amazon signed this message of one of the topics."""
    message = read_json(request.body)
    if not isinstance(message, dict):
        raise Unverified(Reason.MALFORMED_BODY)
    topic = _text(message, "TopicArn")
    index = matching_key(Algorithm.TOKEN, keys, b"", [topic.encode("utf-8", "replace")])
    content = signed_content(message)
    sent_at = stamps.parse(_text(message, "Timestamp").encode("utf-8", "replace"), Unit.ISO)
    if sent_at is None:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    certificate = _certificate(request, _text(message, "SigningCertURL"), topic=topic)
    signature = decode(scheme, _text(message, "Signature").encode("utf-8", "replace"))
    digest = HASHES.get(_text(message, "SignatureVersion"))
    if signature is None or digest is None:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    try:
        certificate.key.verify(signature, content, padding.PKCS1v15(), digest)
    except InvalidSignature:
        raise Unverified(Reason.WRONG_SIGNATURE) from None
    return Proof(index, content, sent_at)


def _text(message: dict[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value or "\n" in value:
        raise Unverified(Reason.MALFORMED_BODY)
    return value


def signed_content(message: dict[str, Any]) -> bytes:
    """The bytes that Amazon signed; raises Unverified where a field is missing or of no text."""
    names = FIELDS.get(_text(message, "Type"))
    text = message.get("Message")
    if names is None or not isinstance(text, str):
        raise Unverified(Reason.MALFORMED_BODY)
    lines = ["Message", text]
    for name in names:
        if name == "Subject" and message.get(name) is None:
            continue
        lines += [name, _text(message, name)]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _certificate(request: Request, url: str, *, topic: str) -> Certificate:
    """The certificate at this address, if it may stand there and counts now."""
    if not allows(url, [topic.encode()]):
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    document = request.documents.get(url)
    if document is None:
        raise Unverified(Reason.NO_DOCUMENT, wanted=url)
    certificate = certificate_in(document)
    if certificate is None or not certificate.begins <= request.now <= certificate.ends:
        raise Unverified(Reason.WRONG_SIGNATURE)
    return certificate


def allows(url: str, keys: Sequence[bytes]) -> bool:
    """Whether certificates of these topics may stand at this address: Amazon's, of one region."""
    match = CERTIFICATE.fullmatch(url)
    return match is not None and any(_region(key) == match["region"] for key in keys)


def _region(topic: bytes) -> str:
    return topic.decode("ascii", "replace").split(":")[3]


def is_usable(content: bytes) -> bool:
    """Whether it is a certificate of Amazon's signing service."""
    return certificate_in(content) is not None


@lru_cache(maxsize=64)
def certificate_in(pem: bytes) -> Certificate | None:
    """The certificate, None where it is none, has a weak key or another name."""
    try:
        found = x509.load_pem_x509_certificate(pem)
        key = rsa_key(found.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ))  # fmt: skip
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = alternatives.value.get_values_for_type(x509.DNSName)
    except (ValueError, TypeError, x509.ExtensionNotFound, x509.UnsupportedGeneralNameType):
        return None
    if not any(NAMES.fullmatch(name) for name in names):
        return None
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    return Certificate(key, begins.timestamp(), ends.timestamp())


def confirm(body: bytes) -> str:
    """The address by which a verified request to subscribe is answered; empty for all else."""
    message = read_json(body)
    if not isinstance(message, dict) or message.get("Type") != SUBSCRIPTION:
        return ""
    url = message.get("SubscribeURL")
    return url if isinstance(url, str) and CONFIRMATION.fullmatch(url) else ""
