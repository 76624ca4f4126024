"""What a time of sending that is refused tells about the sender's clock or its unit. Pure."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from webhooks.schemes import stamps
from webhooks.schemes.base import Request, Scheme, Unit, Where
from webhooks.schemes.bodies import member, read, text_of
from webhooks.schemes.reasons import Reason, Unverified
from webhooks.schemes.verifier import media_type_of, signatures

T = TypeVar("T")
HOUR_S = 3600
NEAR_S = 120
MAX_ZONE_H = 14
PLAUSIBLE_S = 10 * 365 * 86_400
UNITS = {
    Unit.SECONDS: "seconds", Unit.MILLISECONDS: "milliseconds", Unit.ISO: "an ISO 8601 time",
    Unit.HTTP_DATE: "a date of HTTP",
}  # fmt: skip


def clock_mistakes(
    scheme: Scheme, request: Request, reason: Reason, *, make: Callable[[str, str], T]
) -> Iterator[T]:
    """What explains the refused time, by `make(title, advice)`."""
    stamp = stamp_text(scheme, request)
    if reason is Reason.NO_DOCUMENT:
        yield make(
            "The provider's key is not here yet",
            "A worker fetches it; the provider's next try should pass. See the source's page.",
        )
        return
    if unit := _other_unit(scheme, stamp, request.now):
        yield make(
            f"The time is written as {UNITS[unit]}, not as {UNITS[scheme.timestamp_unit]}",
            f"{scheme.title} sends {UNITS[scheme.timestamp_unit]}: mend the sender, or describe "
            "the scheme that it follows.",
        )
        return
    sent_at = stamps.parse(stamp, scheme.timestamp_unit) if stamp else None
    if sent_at is not None and reason in {Reason.STALE, Reason.FUTURE}:
        yield make(*_of_age(request.now - sent_at))
    elif reason is Reason.MALFORMED_TIMESTAMP:
        yield make(
            "The time of sending cannot be read",
            f"It has to be {UNITS[scheme.timestamp_unit]}, with a zone where it is written out.",
        )
    else:
        yield make("The delivery has another form than this scheme's", "Compare the scheme.")


def stamp_text(scheme: Scheme, request: Request) -> bytes:
    """The time of sending as it was written, wherever the scheme has it; empty where it is not."""
    place = scheme.wire.stamp
    if place is None:
        return b""
    if place.where is Where.BODY:
        body = read(request.body, media_type_of(request.headers))
        return text_of(member(body, place.name)).encode("utf-8", "replace")
    headers = dict(request.headers)
    if place.where is Where.HEADER:
        return headers.get(place.name.encode(), b"")
    try:
        return signatures(scheme, headers)[1].get(place.name.encode(), b"")
    except Unverified:
        return b""


def _other_unit(scheme: Scheme, stamp: bytes, now: float) -> Unit | None:
    """The unit in which the text would be a time of these years, where its own makes none."""
    own = stamps.parse(stamp, scheme.timestamp_unit)
    if own is not None and abs(now - own) < PLAUSIBLE_S:
        return None
    for unit in Unit:
        read_as = stamps.parse(stamp, unit)
        if unit is not scheme.timestamp_unit and read_as and abs(now - read_as) < PLAUSIBLE_S:
            return unit
    return None


def _of_age(age_s: float) -> tuple[str, str]:
    hours = round(age_s / HOUR_S)
    if 0 < abs(hours) <= MAX_ZONE_H and abs(age_s - hours * HOUR_S) < NEAR_S:
        return (
            f"The time is off by {abs(hours)} h to the minute: a local time was taken for UTC",
            "Let the sender write UTC, or the zone with the time; or it is a delivery of exactly "
            "that age sent again.",
        )
    if age_s < 0:
        return (
            "The sender's clock is ahead of this server's",
            "Synchronise both clocks (NTP); here `timedatectl` shows whether this one is.",
        )
    return (
        "The delivery is old, or the sender's clock is behind",
        "The signature itself is right. It waited in a queue, it is sent again with the old "
        "signature, or a clock is wrong. For a delivery from the past, say when it came.",
    )
