"""What a scheme of signing webhooks is: data. The verifier reads it; a new provider is an entry.

The same notation serves the catalogue, a source's own scheme and the documentation: places are
written `header:x-github-event`, `field:t`, `body:event.type`, and signed bytes
`{timestamp}.{body}`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from webhooks.schemes.extras import Confirm, Documents, Draft, Signed
from webhooks.schemes.places import Part as Part
from webhooks.schemes.places import Place as Place
from webhooks.schemes.places import Where as Where
from webhooks.schemes.places import is_header, is_in_body
from webhooks.schemes.places import pieces_of as pieces_of
from webhooks.schemes.reasons import Reason, Unverified

HeaderPair = tuple[bytes, bytes]


class Encoding(StrEnum):
    """How bytes are written as text; fixed per scheme, never guessed from what arrived."""

    HEX = "hex"
    BASE64 = "base64"
    UTF8 = "utf8"


class Algorithm(StrEnum):
    """What ties the signature to the bytes; fixed per scheme, never taken from the request."""

    # The enum's own hash is a function in Python, and every delivery looks its algorithm up.
    __hash__ = str.__hash__

    HMAC_SHA1 = "hmac_sha1"
    HMAC_SHA256 = "hmac_sha256"
    HMAC_SHA512 = "hmac_sha512"
    # A plain hash over the secret followed by the content.
    SHA256 = "sha256"
    ED25519 = "ed25519"
    ECDSA_P256 = "ecdsa_p256"
    RSA_SHA256 = "rsa_sha256"
    # The secret itself, in clear: nothing is signed.
    TOKEN = "token"  # noqa: S105 - a kind of scheme, not a secret

    @property
    def is_asymmetric(self) -> bool:
        """Whether the source keeps a public key, so that it cannot sign by itself."""
        return self in {Algorithm.ED25519, Algorithm.ECDSA_P256, Algorithm.RSA_SHA256}


class Unit(StrEnum):
    """How a time is written."""

    __hash__ = str.__hash__

    SECONDS = "s"
    MILLISECONDS = "ms"
    ISO = "iso8601"
    HTTP_DATE = "http_date"


class Fallback(StrEnum):
    """What identifies a delivery that carries no id."""

    REFUSE = "refuse"
    # Equal signed bytes are the same event.
    DIGEST = "digest"
    # Equal bytes are different events: nothing is ever recognised as repeated.
    RECEIPT = "receipt"


@dataclass(frozen=True, slots=True)
class Split:
    """A body that carries several events: where the list is, and what identifies an item.

    `items` is the dotted path of the list, empty where the body is the list. `id` names members
    that together identify an item; one without them is identified by its delivery and its place.
    """

    items: str = ""
    id: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class Method(StrEnum):
    """How a handshake comes in."""

    GET = "GET"
    POST = "POST"


@dataclass(frozen=True, slots=True)
class Handshake:
    """A request that only asks whether somebody is there, and the answer it wants.

    `match` maps places to the text that must stand there; empty text means any. `echo` names the
    place whose text is the answer, `answer` is a JSON answer in which `{echo}` stands for that
    text and `{hmac}` for its keyed HMAC-SHA256 in hexadecimal. `token` is the place of the verify
    token that the source chose. Those by POST count only once their signature was verified, unless
    `is_signed` is false because the provider signs none.
    """

    method: Method
    match: Mapping[str, str] = field(default_factory=dict)
    echo: str = ""
    answer: str = ""
    token: str = ""
    is_signed: bool = True


JSON_TYPES = ("application/json", "application/*+json")
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"


@dataclass(frozen=True)
class Scheme:
    """How one family of providers signs. Header names are lower case, times are seconds."""

    name: str
    title: str
    signature_headers: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.HMAC_SHA256
    signature_encoding: Encoding = Encoding.HEX
    signature_prefix: str = ""
    is_prefix_optional: bool = False
    # Between several signatures, or fields, in one header, as the provider writes it; blanks around
    # are passed over in reading. Empty where there is only ever one.
    item_separator: str = ""
    # The name of the field that holds a signature, where the header is a list of `name=value`.
    signature_field: str = ""
    signed: str = "{body}"
    secret_encoding: Encoding = Encoding.UTF8
    secret_prefix: str = ""
    secret_min_bytes: int = 8
    secret_max_bytes: int = 256
    # What a secret's text looks like, where only some texts can be one.
    secret_pattern: str = ""
    # Where the time of sending is; it counts only where the signature covers it.
    timestamp: str = ""
    timestamp_unit: Unit = Unit.SECONDS
    past_tolerance_s: int = 300
    future_tolerance_s: int = 300
    # Each is one or several places joined by a space, whose texts together are the id; the first
    # of them that is there counts.
    ids: tuple[str, ...] = ()
    id_fallback: Fallback = Fallback.REFUSE
    types: tuple[str, ...] = ()
    split: Split | None = None
    handshakes: tuple[Handshake, ...] = ()
    media_types: tuple[str, ...] = (*JSON_TYPES, FORM_TYPE)
    # The body only says that something happened; the provider's adapter fetches what.
    is_thin: bool = False
    success_status: int | None = None
    # What somebody who sets up a source has to know.
    note: str = ""
    warning: str = ""
    # Whose material, not ours, shows that this entry is right.
    proof: str = ""
    # Code, only where data cannot say how a delivery is checked.
    check: "Check | None" = field(default=None, compare=False, repr=False)
    # How such a delivery is signed; None where only the provider can.
    sign: "Sign | None" = field(default=None, compare=False, repr=False)
    documents: Documents | None = field(default=None, compare=False, repr=False)
    confirm: Confirm | None = field(default=None, compare=False, repr=False)

    @property
    def signs_time(self) -> bool:
        """Whether the signature covers the time of sending, so that old deliveries are refused."""
        return self.wire.signs_time

    @property
    def is_id_signed(self) -> bool:
        """Whether nobody can put another id to the same signed bytes."""
        return self.wire.is_id_signed

    @property
    def needs_url(self) -> bool:
        """Whether the provider signs the address that it was given."""
        return Part.URL in self.wire.pieces

    @property
    def can_sign(self) -> bool:
        """Whether whoever has the source's secret can sign a delivery, so that we can test it."""
        if self.check is not None:
            return self.sign is not None
        return not self.algorithm.is_asymmetric

    @cached_property
    def wire(self) -> "Wire":
        """The scheme in the form that deliveries have."""
        return wire_of(self)


@dataclass(frozen=True, slots=True)
class Wire:
    """A scheme as bytes, worked out once: what the verifier reads for every delivery.

    `form` is what is signed, with a gap for each part; `content` is what goes into the gaps: the
    place of a part in PARTS, or a header.
    """

    signature_headers: tuple[bytes, ...]
    prefix: bytes
    separator: bytes
    field_name: bytes
    pieces: tuple[bytes | Part | Place, ...]
    form: bytes
    content: tuple[int | Place, ...]
    is_body_alone: bool
    stamp: Place | None
    stamp_header: bytes
    stamp_field: bytes
    signed_id_header: bytes
    ids: tuple[tuple[Place, ...], ...]
    id_header: bytes
    types: tuple[Place, ...]
    type_headers: tuple[bytes, ...]
    wanted: frozenset[bytes]
    is_hex: bool
    signs_time: bool
    is_id_signed: bool
    is_replayable: bool
    reads_body: bool
    shakes_before: bool
    shakes_after: bool


PARTS = (Part.BODY, Part.TIMESTAMP, Part.ID, Part.URL, Part.METHOD)


def wire_of(scheme: Scheme) -> Wire:
    """Work out a scheme's form for deliveries; raises ValueError where it contradicts itself."""
    pieces = pieces_of(scheme.signed)
    stamp = Place.parse(scheme.timestamp) if scheme.timestamp else None
    ids = tuple(tuple(map(Place.parse, text.split(" "))) for text in scheme.ids)
    id_places = [place for places in ids for place in places]
    types = tuple(map(Place.parse, scheme.types))
    signed_id = next(filter(is_header, id_places), None) if Part.ID in pieces else None
    covers_body = Part.BODY in pieces or scheme.check is not None
    covered = {place for place in (*pieces, signed_id) if isinstance(place, Place)}
    named = {p for p in (*id_places, *types, *covered, stamp) if p is not None and is_header(p)}
    headers = {*(place.name for place in named), *scheme.signature_headers}
    is_id_signed = all(p in covered or (covers_body and is_in_body(p)) for p in id_places)
    signs_time = _signs_time(stamp, pieces, covers_body=covers_body)
    posts = [h for h in scheme.handshakes if h.method is Method.POST]
    return Wire(
        signature_headers=tuple(name.encode() for name in scheme.signature_headers),
        prefix=scheme.signature_prefix.encode(),
        separator=(scheme.item_separator.strip() or scheme.item_separator).encode(),
        field_name=scheme.signature_field.encode(),
        pieces=pieces,
        form=b"".join(p.replace(b"%", b"%%") if isinstance(p, bytes) else b"%b" for p in pieces),
        content=tuple(_gap(p) for p in pieces if not isinstance(p, bytes)),
        is_body_alone=pieces == (Part.BODY,),
        stamp=stamp,
        stamp_header=_name(stamp, Where.HEADER) if signs_time else b"",
        stamp_field=_name(stamp, Where.FIELD) if signs_time else b"",
        signed_id_header=_name(signed_id, Where.HEADER),
        ids=ids,
        id_header=_name(ids[0][0], Where.HEADER) if ids and len(ids[0]) == 1 else b"",
        types=types,
        type_headers=tuple(p.name.encode() for p in types if is_header(p)),
        wanted=frozenset(name.encode() for name in headers),
        is_hex=scheme.signature_encoding is Encoding.HEX,
        signs_time=signs_time,
        is_id_signed=is_id_signed,
        # A token signs nothing, and without ids equal bytes are the same event anyway.
        is_replayable=(not is_id_signed or (scheme.check is None and _is_open(pieces)))
        and scheme.algorithm is not Algorithm.TOKEN,
        reads_body=any(map(is_in_body, filter(None, [*id_places, stamp]))),
        shakes_before=not all(h.is_signed for h in posts),
        shakes_after=any(h.is_signed for h in posts),
    )


def _is_open(pieces: Sequence[bytes | Part | Place]) -> bool:
    """Whether a signed id may take in bytes of what follows it, and name the same bytes otherwise.

    The id proper holds no dot, so a dot ends it; headers besides hold anything.
    """
    if any(isinstance(piece, Place) and is_header(piece) for piece in pieces):
        return True
    if Part.ID not in pieces:
        return False
    at = list(pieces).index(Part.ID)
    before, after = pieces[at - 1 : at], pieces[at + 1 : at + 2]
    if after:
        return not (isinstance(after[0], bytes) and after[0].startswith(b"."))
    return not (before and isinstance(before[0], bytes) and before[0].endswith(b"."))


def _gap(piece: Part | Place) -> int | Place:
    return PARTS.index(piece) if isinstance(piece, Part) else piece


def _name(place: Place | None, where: Where) -> bytes:
    """The place's name, if it is of this kind; else empty."""
    return place.name.encode() if place is not None and place.where is where else b""


def _signs_time(
    stamp: Place | None, pieces: Sequence[bytes | Part | Place], *, covers_body: bool
) -> bool:
    if stamp is None:
        return False
    return Part.TIMESTAMP in pieces or (stamp.where is Where.BODY and covers_body)


class Request(NamedTuple):
    """One delivery as it arrived, and what is known about where it arrived.

    `headers` are raw pairs with lower-case names, `url` is the registered public address, `now`
    the time of receipt in seconds since 1970. `documents` holds, by address, what was fetched for
    this source from places that its scheme allows.
    """

    headers: Sequence[HeaderPair]
    body: bytes
    now: float
    tolerance_s: int | None = None
    url: bytes = b""
    method: bytes = b"POST"
    query: bytes = b""
    documents: Mapping[str, bytes] = {}

    @property
    def media_type(self) -> bytes:
        """The first content-type, with its parameters; empty where there is none."""
        return next((value for name, value in self.headers if name == b"content-type"), b"")

    def header(self, name: bytes) -> bytes:
        """The one value of a header; raises Unverified where it is missing or repeated."""
        values = [value for given, value in self.headers if given == name]
        if len(values) != 1:
            raise Unverified(Reason.REPEATED if values else Reason.MISSING)
        return values[0]


# Each delivery makes one of these, and a class with slots is made in half of a named tuple's time.
@dataclass(slots=True)
class Proof:
    """What a check found: which key signed which bytes, and the time that they cover.

    `sent_at` is in seconds since 1970; None where no time is signed, or where it stands in the
    body and is read afterwards.
    """

    key_index: int
    content: bytes
    sent_at: float | None = None


# Checks one delivery under the live keys; raises Unverified.
Check = Callable[["Scheme", Request, Sequence[bytes]], Proof]


# Signs a test event with a key; raises CannotSign for a body that cannot carry the signature.
Sign = Callable[["Scheme", bytes, Draft], Signed]


@dataclass(slots=True)
class Delivery:
    """What a genuine delivery says about itself.

    `sent_at` is in seconds since 1970, None where the scheme signs no time. `event_type` is empty
    where only the body tells it. `secret_index` is the place of the secret that matched.
    `replayable` is the signed bytes where the same of them could come again under another id,
    else None.
    """

    event_id: str
    sent_at: float | None
    event_type: str
    secret_index: int
    replayable: bytes | None
    body: Any = None
