"""Times of sending as providers write them, strictly: no sign, no blank, no guess of the unit."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from webhooks.schemes.base import Unit

# Until the year 5138; more digits are no time but a test of our patience.
MAX_DIGITS = {Unit.SECONDS: 11, Unit.MILLISECONDS: 14}
MAX_LENGTH = 40
PER_SECOND = {Unit.SECONDS: 1, Unit.MILLISECONDS: 1000}


def parse(text: bytes, unit: Unit) -> float | None:
    """Seconds since 1970, None where the text is no time in this unit."""
    if unit in MAX_DIGITS:
        if not text.isdigit() or len(text) > MAX_DIGITS[unit]:
            return None
        return int(text) / PER_SECOND[unit]
    if len(text) > MAX_LENGTH or not text.isascii():
        return None
    try:
        moment = _moment(text.decode("ascii"), unit)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.timestamp() if moment.tzinfo is not None else None


def _moment(text: str, unit: Unit) -> datetime:
    if unit is Unit.ISO:
        return datetime.fromisoformat(text)
    return parsedate_to_datetime(text)


def write(seconds: float, unit: Unit) -> str:
    """The time as a provider of this unit writes it."""
    if unit in PER_SECOND:
        return str(int(seconds * PER_SECOND[unit]))
    moment = datetime.fromtimestamp(seconds, UTC)
    if unit is Unit.ISO:
        return moment.isoformat(timespec="milliseconds")
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
