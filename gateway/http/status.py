"""What an HTTP status means for a call that has no result of its own. Pure."""

from gateway.http.errors import OutsideError
from gateway.http.messages import Answer

# The other side says that it did not take the request, or that somebody else should try later.
PASSING_STATUSES = frozenset({408, 429})


def refused(answer: Answer, *, service: str) -> OutsideError:
    """The error for an answer outside 2xx: 408, 429 and 5xx pass, everything else is final."""
    passing = answer.status in PASSING_STATUSES or answer.status >= 500
    return OutsideError(
        f"http_{answer.status}",
        not passing,
        answer.status >= 500 or answer.is_uncertain,
        answer.status,
        answer.retry_after,
        detail=f"{service} answered with status {answer.status}.",
    )
