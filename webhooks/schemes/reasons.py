"""Why a delivery is refused: told to people and counted, never told to the sender."""

from enum import StrEnum


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
    MALFORMED_BODY = "malformed_body"
    # Perhaps genuine, but of a kind that cannot be verified here.
    UNSUPPORTED = "not_supported"
    # A key or certificate that has to be fetched first; the sender is asked to try again.
    NO_DOCUMENT = "key_not_fetched_yet"
    TOO_LARGE = "too_large"
    TOO_MANY_HEADERS = "too_many_headers"
    MEDIA_TYPE = "media_type"
    TOO_FAST = "too_fast"
    OVERLOADED = "overloaded"
    STORAGE = "storage_failed"


class Unverified(Exception):
    """The delivery is refused; the reason stays inside.

    `wanted` is the address of a document without which nothing can be said yet.
    """

    def __init__(self, reason: Reason, *, wanted: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.wanted = wanted
