"""Is this delivery genuine? Pure: the exact bytes, the live keys and the time come as arguments."""

import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from webhooks.schemes.base import Delivery, Reason, Scheme, Unverified, Wire

MAX_SIGNATURES = 20
MAX_ID_LENGTH = 128
MAX_TYPE_LENGTH = 128
MAX_TIMESTAMP_DIGITS = 12
SIGNATURE_BYTES = 32
PRINTABLE = bytes(range(0x21, 0x7F))

Header = tuple[bytes, bytes]


def verify(
    scheme: Scheme,
    keys: Sequence[bytes],
    headers: Iterable[Header],
    body: bytes,
    *,
    now: float,
    tolerance_s: int | None = None,
) -> Delivery:
    """What the delivery says about itself, once one of the keys is found to have signed it.

    `headers` are the raw pairs with lower-case names, `now` is the time of receipt in seconds since
    1970, `tolerance_s` replaces the scheme's own window. Raises Unverified with the reason.
    """
    wire = scheme.wire
    found = _pick(wire, headers)
    event_id = _event_id(scheme, found, body)
    stamp = _timestamp(wire, found)
    given = _signatures(scheme, found)
    index = _matching_key(keys, _signed_bytes(wire, (body, stamp, event_id)), given)
    sent_at = int(stamp) if stamp else None
    if sent_at is not None:
        _check_window(scheme, now - sent_at, tolerance_s)
    return Delivery(
        event_id=event_id.decode("ascii"),
        sent_at=sent_at,
        event_type=_header_type(wire, found),
        is_id_signed=wire.is_id_signed,
        secret_index=index,
    )


def _pick(wire: Wire, headers: Iterable[Header]) -> dict[bytes, bytes]:
    wanted = wire.wanted
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in wanted:
            if name in found:
                raise Unverified(Reason.REPEATED)
            found[name] = value
    return found


def _event_id(scheme: Scheme, found: dict[bytes, bytes], body: bytes) -> bytes:
    value = found.get(scheme.wire.id_header)
    if value is None:
        if scheme.is_id_optional:
            return b"sha256:" + hashlib.sha256(body).hexdigest().encode()
        raise Unverified(Reason.MISSING)
    # A dot inside the id would let two different deliveries share the same signed bytes.
    if not _is_plain(value, MAX_ID_LENGTH) or (scheme.wire.is_id_signed and b"." in value):
        raise Unverified(Reason.MALFORMED_ID)
    return value


def _is_plain(value: bytes, limit: int) -> bool:
    return 0 < len(value) <= limit and not value.translate(None, PRINTABLE)


def _timestamp(wire: Wire, found: dict[bytes, bytes]) -> bytes:
    if not wire.signs_time:
        return b""
    value = found.get(wire.timestamp_header)
    if value is None:
        raise Unverified(Reason.MISSING)
    if not value.isdigit() or len(value) > MAX_TIMESTAMP_DIGITS:
        raise Unverified(Reason.MALFORMED_TIMESTAMP)
    return value


def _signatures(scheme: Scheme, found: dict[bytes, bytes]) -> list[bytes]:
    """The signatures of this scheme's version, decoded; other versions are passed by."""
    wire = scheme.wire
    value = found.get(wire.signature_header)
    if value is None:
        raise Unverified(Reason.MISSING)
    items = value.split(wire.separator, MAX_SIGNATURES) if wire.separator else [value]
    if len(items) > MAX_SIGNATURES:
        raise Unverified(Reason.TOO_MANY_SIGNATURES)
    decoded = [given for item in items if (given := _decode(scheme, item))]
    if not decoded:
        raise Unverified(Reason.MALFORMED_SIGNATURE)
    return decoded


def _decode(scheme: Scheme, item: bytes) -> bytes | None:
    wire = scheme.wire
    if item.startswith(wire.prefix):
        item = item[len(wire.prefix) :]
    elif not scheme.is_prefix_optional:
        return None
    try:
        decoded = (
            binascii.unhexlify(item) if wire.is_hex else binascii.a2b_base64(item, strict_mode=True)
        )
    except ValueError:
        return None
    return decoded if len(decoded) == SIGNATURE_BYTES else None


def _signed_bytes(wire: Wire, parts: tuple[bytes, bytes, bytes]) -> bytes:
    if wire.signed == (0,):
        return parts[0]
    return b"".join([parts[piece] if isinstance(piece, int) else piece for piece in wire.signed])


def _matching_key(keys: Sequence[bytes], content: bytes, given: list[bytes]) -> int:
    """Which key signed. Every key meets every signature, so the time tells nothing about them."""
    match = -1
    for index, key in enumerate(keys):
        expected = hmac.digest(key, content, "sha256")
        for signature in given:
            if hmac.compare_digest(expected, signature) and match < 0:
                match = index
    if match < 0:
        raise Unverified(Reason.WRONG_SIGNATURE if keys else Reason.NO_SECRET)
    return match


def _check_window(scheme: Scheme, age_s: float, tolerance_s: int | None) -> None:
    if age_s > (scheme.past_tolerance_s if tolerance_s is None else tolerance_s):
        raise Unverified(Reason.STALE)
    if -age_s > (scheme.future_tolerance_s if tolerance_s is None else tolerance_s):
        raise Unverified(Reason.FUTURE)


def _header_type(wire: Wire, found: dict[bytes, bytes]) -> str:
    """The type from a header; an odd one is left out rather than refused: it is not signed."""
    for name in wire.type_headers:
        value = found.get(name, b"")
        if _is_plain(value, MAX_TYPE_LENGTH):
            return value.decode("ascii")
    return ""
