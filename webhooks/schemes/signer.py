"""Signs a body as a provider of the scheme would: for test events and examples."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from webhooks.schemes import stamps
from webhooks.schemes.base import Algorithm, Encoding, Part, Place, Scheme, Where
from webhooks.schemes.bodies import read_json
from webhooks.schemes.extras import CannotSign, Draft, Signed

HASHES = {
    Algorithm.HMAC_SHA1: "sha1",
    Algorithm.HMAC_SHA256: "sha256",
    Algorithm.HMAC_SHA512: "sha512",
}


def compose(scheme: Scheme, key: bytes, draft: Draft, *, event_type: str = "") -> Signed:
    """A whole test event, with id, time and signature wherever the scheme has them.

    Raises CannotSign where only the provider can sign.
    """
    if scheme.check is not None:
        if scheme.sign is None:
            raise CannotSign(f"Nobody but {scheme.title} can sign its deliveries.")
        return scheme.sign(scheme, key, draft)
    body = stamped(scheme, draft.body, event_id=draft.event_id, sent_at=draft.sent_at)
    headers = sign(
        scheme,
        key,
        body,
        event_id=draft.event_id,
        sent_at=draft.sent_at,
        event_type=event_type,
        url=draft.url,
    )
    return Signed(headers, body)


def stamped(scheme: Scheme, body: bytes, *, event_id: str, sent_at: float) -> bytes:
    """The body with this id and time where the scheme reads them in a JSON body; else as it is."""
    wanted: dict[str, Any] = {}
    for place in scheme.wire.ids[0] if scheme.wire.ids else ():
        if place.where is Where.BODY:
            wanted[place.name] = event_id
    stamp = scheme.wire.stamp
    if stamp is not None and stamp.where is Where.BODY:
        written = stamps.write(sent_at, scheme.timestamp_unit)
        wanted[stamp.name] = int(written) if written.isdigit() else written
    value = read_json(body) if wanted else None
    if not isinstance(value, dict):
        return body
    for path, text in wanted.items():
        _put(value, path.split("."), text)
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _put(value: dict[str, Any], path: list[str], what: Any) -> None:
    *parents, last = path
    for name in parents:
        if not isinstance(value.get(name), dict):
            value[name] = {}
        value = value[name]
    value[last] = what


def sign(
    scheme: Scheme,
    key: bytes,
    body: bytes,
    *,
    event_id: str,
    sent_at: float,
    event_type: str = "",
    url: bytes = b"",
    method: bytes = b"POST",
) -> dict[str, str]:
    """The headers of a genuine delivery of this body.

    `key` is the secret's key, or the private key where the scheme has one: 32 bytes for Ed25519,
    DER for the others. Ids, times and types that stand in the body are the caller's to put there.
    Raises CannotSign for schemes that are checked by code.
    """
    if scheme.check is not None:
        raise CannotSign(f"{scheme.title} is checked by code of its own.")
    stamp = stamps.write(sent_at, scheme.timestamp_unit)
    headers = _unsigned_headers(scheme, event_id=event_id, event_type=event_type, stamp=stamp)
    values = {
        Part.BODY: body, Part.ID: event_id.encode(), Part.TIMESTAMP: stamp.encode(),
        Part.URL: url, Part.METHOD: method,
    }  # fmt: skip
    content = b"".join(_piece(piece, values, headers) for piece in scheme.wire.pieces)
    text = _written(scheme, signature_of(scheme.algorithm, key, content))
    name = scheme.signature_headers[0]
    return {name: _signature_header(scheme, text, stamp)} | headers


def _unsigned_headers(
    scheme: Scheme, *, event_id: str, event_type: str, stamp: str
) -> dict[str, str]:
    headers: dict[str, str] = {}
    if event_type:
        types = [place.name for place in scheme.wire.types if place.where is Where.HEADER]
        headers.update(dict.fromkeys(types, event_type))
    for places in scheme.wire.ids[:1]:
        headers.update({p.name: event_id for p in places if p.where is Where.HEADER})
    for piece in scheme.wire.pieces:
        if isinstance(piece, Place):
            headers.setdefault(piece.name, "1")
    if scheme.wire.stamp is not None and scheme.wire.stamp.where is Where.HEADER:
        headers[scheme.wire.stamp.name] = stamp
    return headers


def _piece(
    piece: bytes | Part | Place, values: dict[Part, bytes], headers: dict[str, str]
) -> bytes:
    if isinstance(piece, Part):
        return values[piece]
    return headers[piece.name].encode() if isinstance(piece, Place) else piece


def signature_of(algorithm: Algorithm, key: bytes, content: bytes) -> bytes:
    """The signature's bytes; `key` is the private key where the algorithm has one."""
    if algorithm in HASHES:
        return hmac.digest(key, content, HASHES[algorithm])
    if algorithm is Algorithm.SHA256:
        return hashlib.sha256(key + content).digest()
    if algorithm is Algorithm.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(key).sign(content)
    if algorithm is Algorithm.TOKEN:
        return key
    private: Any = serialization.load_der_private_key(key, password=None)
    if algorithm is Algorithm.ECDSA_P256:
        return bytes(private.sign(content, ec.ECDSA(hashes.SHA256())))
    return bytes(private.sign(content, padding.PKCS1v15(), hashes.SHA256()))


def _written(scheme: Scheme, signature: bytes) -> str:
    if scheme.algorithm is Algorithm.TOKEN:
        return scheme.signature_prefix + signature.decode()
    is_hex = scheme.signature_encoding is Encoding.HEX
    return scheme.signature_prefix + (
        signature.hex() if is_hex else base64.b64encode(signature).decode("ascii")
    )


def _signature_header(scheme: Scheme, text: str, stamp: str) -> str:
    if not scheme.signature_field:
        return text
    fields = [f"{scheme.signature_field}={text}"]
    if scheme.wire.stamp is not None and scheme.wire.stamp.where is Where.FIELD:
        fields.insert(0, f"{scheme.wire.stamp.name}={stamp}")
    return scheme.item_separator.join(fields)
