"""When to try again, and how long to wait. Pure: time and chance are arguments."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.http.messages import RetryClass

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
# With Retry-After these ask everybody to stay away for so long.
PAUSING_STATUSES = frozenset({429, 503})
BASE_S = 1.0
CAP_S = 60.0
# Nobody is believed who wants to be left alone for longer: what waits would be forgotten.
MAX_RETRY_AFTER_S = 3600.0


def may_repeat(retry_class: RetryClass, *, may_have_happened: bool) -> bool:
    """Whether the same call may be made again: always where nothing had left us."""
    return retry_class is not RetryClass.UNSAFE or not may_have_happened


def decorrelated_s(previous_s: float | None, chance: float) -> float:
    """Seconds to wait before the next try: anywhere between 1 s and three times the wait before.

    "Decorrelated jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
    4 March 2015: waits grow, within 60 s, and callers that failed together do not return together.
    `chance` is in [0, 1).
    """
    longest = 3 * max(BASE_S, previous_s or BASE_S)
    return min(CAP_S, BASE_S + chance * (longest - BASE_S))


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The header's wait in seconds, an hour at most, given as seconds or as a date.

    None where it says neither.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(MAX_RETRY_AFTER_S, float(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        asked = (moment - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(MAX_RETRY_AFTER_S, max(0.0, asked))
