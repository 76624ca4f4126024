"""When to try again, and how long to wait. Pure: time and chance are arguments."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.http.messages import RetryClass

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
BASE_S = 1.0
CAP_S = 60.0


def may_repeat(retry_class: RetryClass, *, may_have_happened: bool) -> bool:
    """Whether the same call may be made again: always where nothing had left us."""
    return retry_class is not RetryClass.UNSAFE or not may_have_happened


def backoff_s(attempt: int, chance: float) -> float:
    """Seconds to wait after the given attempt (from 1): doubling from 1 s, within 60 s.

    `chance` in [0, 1) adds up to half again, so that many callers do not return at once.
    """
    # The exponent is bounded because a power of two grows beyond any float otherwise.
    return min(CAP_S, BASE_S * 2 ** min(attempt - 1, 16) * (1 + chance / 2))


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The header's wait in seconds, given as seconds or as a date; None where it says neither."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
