"""When to try again, and how long to wait. Pure: time and chance are arguments."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.http.messages import RetryClass

RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
# With Retry-After these ask everybody to stay away for so long.
PAUSING_STATUSES = frozenset({429, 503})
SPENT_STATUSES = frozenset({403, 429})
_DIGITS = re.compile(r"[0-9]{1,12}")
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


def pause_s(
    status: int, headers: Mapping[str, str], *, retry_after: float | None, now: datetime
) -> float:
    """How long a service wants everybody of this account to stay away; 0 where it does not say.

    Retry-After of 429 and 503; or limits that are used up (`X-RateLimit-Remaining: 0`, with
    `X-RateLimit-Reset` in seconds since 1970), which some services refuse with 403.
    """
    if retry_after is not None and status in PAUSING_STATUSES:
        return retry_after
    reset = headers.get("x-ratelimit-reset", "").strip()
    is_used_up = headers.get("x-ratelimit-remaining", "").strip() == "0"
    if not is_used_up or status not in SPENT_STATUSES or not _DIGITS.fullmatch(reset):
        return 0.0
    return min(MAX_RETRY_AFTER_S, max(0.0, int(reset) - now.timestamp()))


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
