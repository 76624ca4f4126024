"""What a scheme of signing webhooks is: data. The verifier reads it; a new provider is an entry."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class Encoding(StrEnum):
    """How bytes are written as text; fixed per scheme, never guessed from what arrived."""

    HEX = "hex"
    BASE64 = "base64"
    UTF8 = "utf8"


class Part(StrEnum):
    """A piece of the signed bytes that differs from delivery to delivery."""

    BODY = "body"
    TIMESTAMP = "timestamp"
    ID = "id"


class Where(StrEnum):
    """Where a value of a delivery is found."""

    HEADER = "header"
    BODY = "body"


@dataclass(frozen=True)
class Place:
    """A header's lower-case name, or the dotted path of a member of a JSON body."""

    where: Where
    name: str


@dataclass(frozen=True, slots=True)
class Wire:
    """A scheme as bytes, worked out once: what the verifier reads for every delivery.

    `signed` holds literal bytes, or the place in (body, timestamp, id) of a part.
    """

    signature_header: bytes
    prefix: bytes
    separator: bytes
    timestamp_header: bytes
    id_header: bytes
    type_headers: tuple[bytes, ...]
    wanted: frozenset[bytes]
    signed: tuple[bytes | int, ...]
    is_hex: bool
    is_id_signed: bool
    signs_time: bool


@dataclass(frozen=True)
class Scheme:
    """How one family of providers signs with HMAC-SHA256.

    Header names are lower case. `signed` lists the pieces of the signed bytes in order: a Part, or
    the literal bytes between two of them. Times are seconds.
    """

    name: str
    title: str
    signature_header: str
    signature_prefix: str
    signature_encoding: Encoding
    signed: tuple[Part | bytes, ...]
    secret_encoding: Encoding
    secret_prefix: str = ""
    secret_min_bytes: int = 8
    secret_max_bytes: int = 256
    # Between several signatures in one header; empty where there is only ever one.
    item_separator: str = ""
    is_prefix_optional: bool = False
    timestamp_header: str = ""
    past_tolerance_s: int = 300
    future_tolerance_s: int = 300
    id_header: str = ""
    # Without a header the id is the digest of the body.
    is_id_optional: bool = False
    types: tuple[Place, ...] = ()

    @property
    def is_id_signed(self) -> bool:
        """Whether the signature covers the event id, so that nobody can put another one there."""
        return Part.ID in self.signed

    @property
    def signs_time(self) -> bool:
        """Whether the signature covers the time of sending, so that old deliveries are refused."""
        return Part.TIMESTAMP in self.signed

    @cached_property
    def wire(self) -> Wire:
        """The scheme in the form that deliveries have."""
        types = tuple(p.name.encode() for p in self.types if p.where is Where.HEADER)
        named = (self.signature_header, self.timestamp_header, self.id_header)
        parts = (Part.BODY, Part.TIMESTAMP, Part.ID)
        return Wire(
            signature_header=self.signature_header.encode(),
            prefix=self.signature_prefix.encode(),
            separator=self.item_separator.encode(),
            timestamp_header=self.timestamp_header.encode(),
            id_header=self.id_header.encode(),
            type_headers=types,
            wanted=frozenset({*types, *(name.encode() for name in named if name)}),
            signed=tuple(p if isinstance(p, bytes) else parts.index(p) for p in self.signed),
            is_hex=self.signature_encoding is Encoding.HEX,
            is_id_signed=self.is_id_signed,
            signs_time=self.signs_time,
        )


class Reason(StrEnum):
    """Why a delivery was refused: metric label and counter, never told to the sender."""

    UNKNOWN_SOURCE = "unknown_source"
    DISABLED = "disabled"
    ADDRESS = "address_not_allowed"
    NO_SECRET = "no_live_secret"  # noqa: S105 - a reason, not a secret
    MISSING = "missing_header"
    REPEATED = "repeated_header"
    MALFORMED_SIGNATURE = "malformed_signature"
    TOO_MANY_SIGNATURES = "too_many_signatures"
    WRONG_SIGNATURE = "wrong_signature"
    MALFORMED_TIMESTAMP = "malformed_timestamp"
    STALE = "stale_timestamp"
    FUTURE = "future_timestamp"
    MALFORMED_ID = "malformed_id"
    TOO_LARGE = "too_large"
    MEDIA_TYPE = "media_type"
    TOO_FAST = "too_fast"
    OVERLOADED = "overloaded"
    STORAGE = "storage_failed"


class Unverified(Exception):
    """The delivery is refused; the reason stays inside."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Delivery(NamedTuple):
    """What a genuine delivery says about itself.

    `sent_at` is in seconds since 1970, None where the scheme signs no time. `event_type` is empty
    where only the body tells it. `secret_index` is the place of the secret that matched.
    """

    event_id: str
    sent_at: int | None
    event_type: str
    is_id_signed: bool
    secret_index: int
