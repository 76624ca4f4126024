"""Why a delivery is taken or refused, step by step: the verifier's own stages, told. Pure.

What is told here helps whoever may see it to forge deliveries of the same bytes, so an expected
signature leaves this module shortened: enough to compare by eye, too little to send.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.lib.tongue import gettext_noop
from webhooks.schemes import verifier
from webhooks.schemes.base import (
    Algorithm,
    Delivery,
    Encoding,
    Fallback,
    Part,
    Place,
    Proof,
    Request,
    Scheme,
    Where,
)
from webhooks.schemes.bodies import member, read, text_of
from webhooks.schemes.mistakes import Held, Mistake, likeliest
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.signatures import SIGNERS
from webhooks.schemes.signer import signature_of

# Of 32 bytes: nobody guesses the rest, and no two signatures begin alike by chance.
SHOWN_BYTES = 4
PART_WORDS = {
    Part.BODY: gettext_noop("raw body"),
    Part.TIMESTAMP: gettext_noop("timestamp"),
    Part.ID: gettext_noop("event id"),
    Part.URL: gettext_noop("registered address"),
    Part.METHOD: gettext_noop("method"),
}


class Verdict(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    NOT_REACHED = "not_reached"
    # The scheme has no such thing, or nothing was given that it could be tried on.
    NOT_NEEDED = "not_needed"


@dataclass(frozen=True)
class Step:
    """One stage of the verification: what it found, and details in small print."""

    title: str
    verdict: Verdict
    text: str
    note: str = ""


@dataclass(frozen=True)
class Expected:
    """How the signature would begin that a secret makes of these bytes; `is_it` where it came."""

    secret: str
    start: str
    is_it: bool


@dataclass(frozen=True)
class Explanation:
    """The whole story of one delivery; `reason` is None where it would be accepted."""

    steps: tuple[Step, ...]
    reason: Reason | None
    delivery: Delivery | None
    content: bytes | None = field(repr=False, default=None)
    received: tuple[str, ...] = ()
    expected: tuple[Expected, ...] = ()
    mistakes: tuple[Mistake, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the delivery would be accepted."""
        return self.reason is None


@dataclass
class Walk:
    """What the stages hand on to each other."""

    scheme: Scheme
    request: Request
    live: Sequence[Held]
    found: Mapping[bytes, bytes] = field(default_factory=dict)
    given: list[bytes] = field(default_factory=list)
    fields: dict[bytes, bytes] = field(default_factory=dict)
    stamp: bytes = b""
    sent_at: float | None = None
    content: bytes | None = None
    proof: Proof | None = None
    body: Any = None
    event_id: str = ""
    event_type: str = ""


Stage = Callable[[Walk], tuple[Verdict, str, str]]


def explain(
    scheme: Scheme,
    request: Request,
    live: Sequence[Held],
    *,
    others: Sequence[Held] = (),
    urls: Sequence[bytes] = (),
) -> Explanation:
    """Walk through every stage until one refuses; then find out what most likely went wrong.

    `live` are the secrets that count at the time of the request. `others` (retired ones, those of
    other sources) and `urls` (other addresses that the provider may have been given) are only tried
    to name a mistake.
    """
    walk = Walk(scheme, request, live)
    steps, reason = _walk(walk)
    is_by_data = scheme.check is None
    return Explanation(
        steps=tuple(steps),
        reason=reason,
        delivery=None if reason else _delivery(walk),
        content=walk.content,
        received=tuple(_written(scheme, given) for given in walk.given) if is_by_data else (),
        expected=tuple(_expected(walk)) if is_by_data else (),
        mistakes=likeliest(scheme, request, live, others=others, urls=urls, reason=reason),
    )


def _walk(walk: Walk) -> tuple[list[Step], Reason | None]:
    stages = BY_CODE if walk.scheme.check else BY_DATA
    steps: list[Step] = []
    reason: Reason | None = None
    for title, stage in stages:
        if reason:
            steps.append(Step(title, Verdict.NOT_REACHED, "not reached"))
            continue
        try:
            steps.append(Step(title, *stage(walk)))
        except Unverified as refused:
            reason = refused.reason
            text = TROUBLE.get(reason, reason.replace("_", " "))
            steps.append(Step(title, Verdict.FAILED, text, _fault(walk, reason)))
    return steps, reason


def _delivery(walk: Walk) -> Delivery:
    assert walk.proof is not None
    scheme = walk.scheme
    is_replayable = scheme.wire.is_replayable and walk.event_id
    return Delivery(
        event_id=walk.event_id,
        sent_at=walk.sent_at,
        event_type=walk.event_type,
        secret_index=walk.proof.key_index,
        replayable=walk.proof.content if is_replayable else None,
        body=walk.body,
    )


def _headers(walk: Walk) -> tuple[Verdict, str, str]:
    wire = walk.scheme.wire
    walk.found = verifier.pick(wire, walk.request.headers)
    absent = sorted(name.decode("latin-1") for name in wire.wanted - set(walk.found))
    there = ", ".join(sorted(name.decode("latin-1") for name in walk.found)) or "none"
    text = f"Of those that the scheme reads there are, once each: {there}."
    return Verdict.OK, text, f"Not there: {', '.join(absent)}" if absent else ""


def _signatures(walk: Walk) -> tuple[Verdict, str, str]:
    walk.given, walk.fields = verifier.signatures(walk.scheme, walk.found)
    count = len(walk.given)
    size = f"{len(walk.given[0])} bytes" if walk.scheme.algorithm is not Algorithm.TOKEN else ""
    text = "One signature" if count == 1 else f"{count} signatures, of which one has to fit"
    return Verdict.OK, f"{text}, written in {_form(walk.scheme)}.", size


def _timestamp(walk: Walk) -> tuple[Verdict, str, str]:
    scheme = walk.scheme
    place = scheme.wire.stamp
    if place is None or not scheme.wire.signs_time:
        return Verdict.NOT_NEEDED, "This scheme signs no time of sending.", ""
    if place.where is Where.BODY:
        return Verdict.NOT_NEEDED, f"It stands in the body ({place.name}): read afterwards.", ""
    walk.stamp = verifier.stamp_of(scheme.wire, walk.found, walk.fields)
    walk.sent_at = verifier.moment_of(scheme, walk.stamp)
    shown = walk.stamp.decode("latin-1")
    return Verdict.OK, f"{place.where} {place.name}: {shown}.", _age(walk)


def _content(walk: Walk) -> tuple[Verdict, str, str]:
    wire = walk.scheme.wire
    walk.content = verifier.signed_bytes(wire, walk.request, walk.found, stamp=walk.stamp)
    if walk.scheme.algorithm is Algorithm.TOKEN:
        return Verdict.OK, "Nothing of the delivery is signed: the secret itself is sent.", ""
    parts = ", ".join(_piece_word(piece) for piece in wire.pieces if not isinstance(piece, bytes))
    return Verdict.OK, f"{len(walk.content)} bytes: {parts}.", walk.scheme.signed


def _comparison(walk: Walk) -> tuple[Verdict, str, str]:
    keys = [held.key for held in walk.live]
    walk.proof = verifier.prove(walk.scheme, walk.request, keys, walk.found)
    walk.sent_at = walk.proof.sent_at
    walk.content = walk.proof.content
    name = walk.live[walk.proof.key_index].name
    fits = "is the secret" if walk.scheme.algorithm is Algorithm.TOKEN else "fits the secret"
    tried = f"{len(keys)} secrets count now" if len(keys) != 1 else "It is the only one that counts"
    return Verdict.OK, f"What came {fits} {name} ({walk.scheme.algorithm}).", tried


def _window(walk: Walk) -> tuple[Verdict, str, str]:
    scheme, request = walk.scheme, walk.request
    wire = scheme.wire
    walk.body = (
        read(request.body, verifier.media_type_of(request.headers)) if _reads(walk) else None
    )
    is_in_body = wire.stamp is not None and wire.stamp.where is Where.BODY
    if walk.sent_at is None and wire.signs_time and is_in_body:
        walk.sent_at = verifier.stamp_in_body(scheme, walk.body)
    if walk.sent_at is None:
        text = "No time is signed: an old delivery can only be recognised by its id or bytes."
        return Verdict.NOT_NEEDED, text, ""
    verifier.check_window(scheme, request.now - walk.sent_at, request.tolerance_s)
    return Verdict.OK, _age(walk), _tolerance(walk)


def _reads(walk: Walk) -> bool:
    return walk.scheme.wire.reads_body


def _id(walk: Walk) -> tuple[Verdict, str, str]:
    assert walk.proof is not None
    scheme = walk.scheme
    walk.event_id = verifier.event_id_of(
        scheme, walk.found, body=walk.body, content=walk.proof.content
    )
    if not walk.event_id:
        return Verdict.OK, "Deliveries of this scheme carry no id: each is an event.", ""
    is_named = bool(scheme.ids) and not walk.event_id.startswith(verifier.DIGEST)
    origin = "" if is_named else "No id came: equal signed bytes are the same event."
    return Verdict.OK, walk.event_id, origin


def _type(walk: Walk) -> tuple[Verdict, str, str]:
    scheme, request = walk.scheme, walk.request
    walk.event_type = verifier.header_type(scheme.wire, walk.found)
    if walk.event_type:
        return Verdict.OK, walk.event_type, "from a header"
    value = read(request.body, verifier.media_type_of(request.headers))
    for place in scheme.wire.types:
        if place.where is Where.BODY and (found := text_of(member(value, place.name))):
            return Verdict.OK, found[: verifier.MAX_TYPE_LENGTH], f"from {place.name} in the body"
    return Verdict.NOT_NEEDED, "It names no type; routes see an empty one.", ""


def _guard(walk: Walk) -> tuple[Verdict, str, str]:
    if not SIGNERS[walk.scheme.algorithm].signs:
        return Verdict.NOT_NEEDED, "Nothing is signed, so equal bytes prove nothing.", ""
    if walk.scheme.wire.is_replayable and walk.event_id:
        text = "The id is not signed: the same signed bytes under another id are quarantined."
        return Verdict.OK, text, ""
    if walk.scheme.id_fallback is Fallback.RECEIPT and not walk.event_id:
        return Verdict.NOT_NEEDED, "Without an id nothing is recognised as repeated.", ""
    return Verdict.OK, "The signature covers the id: nobody can put another to these bytes.", ""


def _code(walk: Walk) -> tuple[Verdict, str, str]:
    verdict, text, note = _comparison(walk)
    content = len(walk.content or b"")
    return verdict, text, f"{note}; {content} signed bytes, checked by code of this scheme's own"


BY_DATA: tuple[tuple[str, Stage], ...] = (
    ("Headers", _headers),
    ("Signatures", _signatures),
    ("Timestamp", _timestamp),
    ("Signed bytes", _content),
    ("Comparison", _comparison),
    ("Time window", _window),
    ("Event id", _id),
    ("Event type", _type),
    ("Replay guard", _guard),
)
BY_CODE: tuple[tuple[str, Stage], ...] = (
    ("Headers", _headers),
    ("Signature", _code),
    ("Time window", _window),
    ("Event id", _id),
    ("Event type", _type),
    ("Replay guard", _guard),
)
TROUBLE = {
    Reason.MISSING: "Something that the scheme needs is not there.",
    Reason.REPEATED: "A header or field that may be there only once came twice.",
    Reason.MALFORMED_SIGNATURE: "What stands where the signature belongs is none of this scheme.",
    Reason.TOO_MANY_SIGNATURES: f"More than {verifier.MAX_SIGNATURES} signatures came.",
    Reason.WRONG_SIGNATURE: "No signature that came fits under any secret that counts.",
    Reason.NO_SECRET: "The source has no secret that counts at this time.",
    Reason.MALFORMED_TIMESTAMP: "The time of sending cannot be read.",
    Reason.STALE: "It was sent too long ago.",
    Reason.FUTURE: "It was sent in the future, by our clock.",
    Reason.MALFORMED_ID: "The event id has characters that could hide another message.",
    Reason.MALFORMED_BODY: "The body is not what this scheme sends.",
    Reason.UNSUPPORTED: "Its kind cannot be verified here: see the scheme's note.",
    Reason.NO_DOCUMENT: "A key or certificate has to be fetched first; the sender may try again.",
}


def _fault(walk: Walk, reason: Reason) -> str:
    """Small print of a step that failed: what exactly was there."""
    names = [name.decode() for name in walk.scheme.wire.signature_headers]
    if reason is Reason.MISSING and not walk.given:
        return f"Expected: {', '.join(names)}" if names else ""
    if reason is Reason.MALFORMED_SIGNATURE:
        form = f"Expected: {walk.scheme.signature_prefix}… in {_form(walk.scheme)}"
        length = SIGNERS[walk.scheme.algorithm].length
        return f"{form}, {length} bytes" if length else form
    if reason in {Reason.STALE, Reason.FUTURE}:
        return f"{_age(walk)} {_tolerance(walk)}"
    if reason is Reason.WRONG_SIGNATURE:
        return f"{len(walk.live)} secrets were tried" if len(walk.live) != 1 else "One was tried"
    return ""


def _expected(walk: Walk) -> list[Expected]:
    scheme, content = walk.scheme, walk.content
    if content is None or scheme.algorithm.is_asymmetric or scheme.algorithm is Algorithm.TOKEN:
        return []
    rows = []
    for held in walk.live:
        made = signature_of(scheme.algorithm, held.key, content)
        rows.append(Expected(held.name, _written(scheme, made[:SHOWN_BYTES]), made in walk.given))
    return rows


def _written(scheme: Scheme, signature: bytes) -> str:
    if scheme.algorithm is Algorithm.TOKEN:
        return "(the secret itself: not shown)"
    if scheme.signature_encoding is Encoding.HEX:
        return signature.hex()
    text = base64.b64encode(signature).decode("ascii")
    # Of a beginning only the characters that more bytes could not change.
    return text[: len(signature) * 4 // 3] if len(signature) == SHOWN_BYTES else text


def _form(scheme: Scheme) -> str:
    return "clear" if scheme.algorithm is Algorithm.TOKEN else str(scheme.signature_encoding)


def _piece_word(piece: Part | Place) -> str:
    return PART_WORDS[piece] if isinstance(piece, Part) else f"header {piece.name}"


def _age(walk: Walk) -> str:
    if walk.sent_at is None:
        return ""
    age = walk.request.now - walk.sent_at
    return f"Sent {span(abs(age))} {'before' if age >= 0 else 'after'} it came."


def _tolerance(walk: Walk) -> str:
    scheme, given = walk.scheme, walk.request.tolerance_s
    past = scheme.past_tolerance_s if given is None else given
    future = scheme.future_tolerance_s if given is None else given
    return f"Allowed: {past} s before, {future} s after."


def span(seconds: float) -> str:
    """A length of time in its largest unit that says enough."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds)} s"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
