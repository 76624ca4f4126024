"""Is this delivery genuine? Pure: the exact bytes, the live keys and the time come as arguments.

The order is always the same: headers, signature over the raw bytes, the time that it covers, and
only then, from bytes known to be genuine, what the body says about itself.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webhooks.schemes import stamps
from webhooks.schemes.base import (
    Algorithm,
    Delivery,
    Fallback,
    HeaderPair,
    Place,
    Proof,
    Request,
    Scheme,
    Where,
    Wire,
    is_in_body,
)
from webhooks.schemes.bodies import is_utf8, joined, member, read_either, text_of
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import decode, matching_key

MAX_SIGNATURES = 20
MAX_ID_LENGTH = 128
MAX_TYPE_LENGTH = 128
PRINTABLE = bytes(range(0x21, 0x7F))
DIGEST = "sha256:"
# What a replay is stored under.
REPLAYED = "replayed:"
# No unsigned id may look like one that we make.
OURS = (DIGEST.encode(), REPLAYED.encode())

Header = HeaderPair
# The headers that a scheme reads by name; there may be others among them.
Found = Mapping[bytes, bytes]


def verify(
    scheme: Scheme, keys: Sequence[bytes], request: Request, fields: Found | None = None
) -> Delivery:
    """What the delivery says about itself, once one of the keys is found to have signed it.

    `fields` are the request's headers by name, where the caller has them and none is there twice.
    Raises Unverified with the reason; never anything else, whatever arrives.
    """
    wire = scheme.wire
    found = pick(wire, request.headers) if fields is None else fields
    proof = prove(scheme, request, keys, found)
    # By the bytes alone: nobody signs the media type.
    body = read_either(request.body) if wire.reads_body else None
    sent_at = proof.sent_at
    if sent_at is None and wire.signs_time and wire.stamp and is_in_body(wire.stamp):
        sent_at = stamp_in_body(scheme, body)
    if sent_at is not None:
        check_window(scheme, request.now - sent_at, request.tolerance_s)
    event_id = event_id_of(scheme, found, body=body, content=proof.content)
    replayable = proof.content if wire.is_replayable and event_id else None
    return Delivery(event_id, sent_at, header_type(wire, found), proof.key_index, replayable, body)


def pick(wire: Wire, headers: Iterable[Header]) -> Found:
    """The headers that the scheme reads; raises Unverified for one that is there twice."""
    wanted = wire.wanted
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in wanted:
            if name in found:
                raise Unverified(Reason.REPEATED)
            found[name] = value
    return found


def prove(scheme: Scheme, request: Request, keys: Sequence[bytes], found: Found) -> Proof:
    """Which key signed which bytes, by data or by the scheme's own code; raises Unverified."""
    if scheme.check is None:
        return check(scheme, request, keys, found)
    return scheme.check(scheme, request, keys)


def check(scheme: Scheme, request: Request, keys: Sequence[bytes], found: Found) -> Proof:
    """The check that data describes: rebuild the signed bytes and compare under every key."""
    wire = scheme.wire
    given, fields = signatures(scheme, found)
    stamp = stamp_of(wire, found, fields)
    sent_at = moment_of(scheme, stamp)
    content = signed_bytes(wire, request, found, stamp=stamp)
    index = matching_key(scheme.algorithm, keys, content, given)
    if scheme.algorithm is Algorithm.SHA256 and not is_utf8(request.body):
        # A plain hash can be carried on without the secret, over padding that is never UTF-8.
        raise Unverified(Reason.WRONG_SIGNATURE)
    return Proof(index, content, sent_at)


def signatures(scheme: Scheme, found: Found) -> tuple[list[bytes], dict[bytes, bytes]]:
    """The signatures that came, decoded, and the other fields of their header.

    Those of other versions are passed by. Raises Unverified where none is left.
    """
    wire = scheme.wire
    items: list[bytes] = []
    for name in wire.signature_headers:
        value = found.get(name)
        if value is not None:
            items += _items(wire, value)
    if not items:
        raise Unverified(Reason.MISSING)
    if len(items) > MAX_SIGNATURES:
        raise Unverified(Reason.TOO_MANY_SIGNATURES)
    fields: dict[bytes, bytes] = {}
    if wire.field_name:
        items = _of_field(wire.field_name, items, fields)
    decoded = [given for item in items if (given := decode(scheme, item)) is not None]
    if not decoded:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    return decoded, fields


def _items(wire: Wire, value: bytes) -> list[bytes]:
    if not wire.separator:
        return [value]
    if wire.separator != b"," and (b", " in value or (wire.field_name and b"," in value)):
        # A proxy made one header of two.
        raise Unverified(Reason.REPEATED)
    return [item.strip() for item in value.split(wire.separator, MAX_SIGNATURES)]


def _of_field(name: bytes, items: list[bytes], fields: dict[bytes, bytes]) -> list[bytes]:
    """The values of one field; every other goes into `fields`, and none of those may repeat."""
    chosen = []
    for item in items:
        key, separator, value = item.partition(b"=")
        if not separator:
            continue
        if key == name:
            chosen.append(value)
        elif key in fields:
            raise Unverified(Reason.REPEATED)
        else:
            fields[key] = value
    return chosen


def stamp_of(wire: Wire, found: Found, fields: dict[bytes, bytes]) -> bytes:
    """The time as it was written, where it is signed apart from the body; else empty."""
    if wire.stamp_header:
        value = found.get(wire.stamp_header)
    elif wire.stamp_field:
        value = fields.get(wire.stamp_field)
    else:
        return b""
    if value is None:
        raise Unverified(Reason.MISSING)
    if not value:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    return value


def moment_of(scheme: Scheme, stamp: bytes) -> float | None:
    """The time that a stamp says, None without one; raises Unverified where it says none."""
    sent_at = stamps.parse(stamp, scheme.timestamp_unit) if stamp else None
    if stamp and sent_at is None and scheme.wire.signs_time:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    return sent_at


def signed_bytes(wire: Wire, request: Request, found: Found, *, stamp: bytes) -> bytes:
    """The bytes that the provider signed, rebuilt; raises Unverified where one is missing."""
    if wire.is_body_alone:
        return request.body
    signed_id = _signed_id(wire, found) if wire.signed_id_header else b""
    # In the order of PARTS.
    parts = (request.body, stamp, signed_id, request.url, request.method)
    return wire.form % tuple(
        [parts[p] if isinstance(p, int) else _of_header(p, found) for p in wire.content]
    )


def _of_header(place: Place, found: Found) -> bytes:
    value = found.get(place.name.encode())
    if value is None:
        raise Unverified(Reason.MISSING)
    return value


def _signed_id(wire: Wire, found: Found) -> bytes:
    value = found.get(wire.signed_id_header)
    if value is None:
        raise Unverified(Reason.MISSING)
    # A dot inside the id would let two different deliveries share the same signed bytes.
    if b"." in value or not is_plain(value, MAX_ID_LENGTH):
        raise Unverified(Reason.MALFORMED_ID)
    return value


def is_plain(value: bytes, limit: int) -> bool:
    """Whether it is printable ASCII without spaces, not empty and not longer than the limit."""
    return 0 < len(value) <= limit and not value.translate(None, PRINTABLE)


def event_id_of(scheme: Scheme, found: Found, *, body: Any, content: bytes) -> str:
    """The id of the event, from the first source that has one."""
    wire = scheme.wire
    if wire.id_header and (value := found.get(wire.id_header)) is not None:
        return _plain_text(value)
    for places in wire.ids:
        texts = [_text(place, found, body) for place in places]
        if all(texts):
            return _bounded(joined(texts))
    if scheme.id_fallback is Fallback.REFUSE:
        raise Unverified(Reason.MISSING)
    return (
        DIGEST + hashlib.sha256(content).hexdigest()
        if scheme.id_fallback is Fallback.DIGEST
        else ""
    )


def _text(place: Place, found: Found, body: Any) -> str:
    if place.where is Where.BODY:
        return text_of(member(body, place.name))
    value = found.get(place.name.encode())
    return "" if value is None else _plain_text(value)


def _plain_text(value: bytes) -> str:
    if value.startswith(OURS) or not is_plain(value, MAX_ID_LENGTH):
        raise Unverified(Reason.MALFORMED_ID)
    return value.decode("ascii")


def _bounded(text: str) -> str:
    """The id itself, or its digest where the column could not hold it."""
    if len(text) <= MAX_ID_LENGTH and text.isascii() and text.isprintable():
        return text
    return DIGEST + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def stamp_in_body(scheme: Scheme, body: Any) -> float:
    """The time that a genuine body gives, which the window needs."""
    assert scheme.wire.stamp is not None
    text = text_of(member(body, scheme.wire.stamp.name))
    sent_at = stamps.parse(text.encode("utf-8", "replace"), scheme.timestamp_unit)
    if sent_at is None:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    return sent_at


def check_window(scheme: Scheme, age_s: float, tolerance_s: int | None) -> None:
    """Raises Unverified for a delivery sent too long ago, or too far ahead of our clock."""
    if age_s > (scheme.past_tolerance_s if tolerance_s is None else tolerance_s):
        raise Unverified(Reason.STALE)
    if -age_s > (scheme.future_tolerance_s if tolerance_s is None else tolerance_s):
        raise Unverified(Reason.FUTURE)


def header_type(wire: Wire, found: Found) -> str:
    """The type from a header; an odd one is left out rather than refused: it is not signed."""
    for name in wire.type_headers:
        value = found.get(name, b"")
        if is_plain(value, MAX_TYPE_LENGTH):
            return value.decode("ascii")
    return ""


def media_type_of(headers: Iterable[Header]) -> bytes:
    return next((value for name, value in headers if name == b"content-type"), b"")
