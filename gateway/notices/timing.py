"""When a notice leaves: at once, with a digest, or after the person's quiet hours (pure)."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from gateway.notices.media import DESK_ONLY, Digest

# When a daily digest leaves, by the person's clock.
DIGEST_AT = time(8)
LOUD = "critical"


@dataclass(frozen=True)
class Habits:
    """When somebody wants to be told. Without both ends there are no quiet hours."""

    zone: ZoneInfo
    quiet_from: time | None = None
    quiet_until: time | None = None
    digest: str = Digest.NONE


@dataclass(frozen=True)
class Departure:
    """When a notice leaves, and whether others that wait may leave in the same mail."""

    at: datetime
    is_gathered: bool = False


def departure(habits: Habits, risk: str, *, now: datetime, may_gather: bool) -> Departure:
    """When a notice about an action of this risk leaves; critical ones wait for nothing.

    High risk is never gathered: it would wait for small things.
    """
    if risk == LOUD:
        return Departure(now)
    gathers = may_gather and risk not in DESK_ONLY and habits.digest != Digest.NONE
    at = _next_digest(habits, now) if gathers else now
    return Departure(_after_quiet(habits, at), is_gathered=gathers)


def _next_digest(habits: Habits, now: datetime) -> datetime:
    local = now.astimezone(habits.zone)
    if habits.digest == Digest.HOURLY:
        # By the hours of UTC: an hour that a clock change repeats or leaves out is no trouble.
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    today = datetime.combine(local.date(), DIGEST_AT, habits.zone)
    if today > local:
        return today.astimezone(now.tzinfo)
    tomorrow = local.date() + timedelta(days=1)
    return datetime.combine(tomorrow, DIGEST_AT, habits.zone).astimezone(now.tzinfo)


def _after_quiet(habits: Habits, at: datetime) -> datetime:
    begins, ends = habits.quiet_from, habits.quiet_until
    if begins is None or ends is None or begins == ends:
        return at
    local = at.astimezone(habits.zone)
    clock = local.time()
    is_over_midnight = begins > ends
    if not (clock >= begins or clock < ends if is_over_midnight else begins <= clock < ends):
        return at
    day = local.date() + timedelta(days=1 if is_over_midnight and clock >= begins else 0)
    return datetime.combine(day, ends, habits.zone).astimezone(at.tzinfo)
