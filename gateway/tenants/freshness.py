"""How fresh a browser session's sign-in is, and by which methods it was made.

Second factors add their own methods to the session's list; nothing else here changes with them.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

FRESH_FOR = timedelta(minutes=5)
# What proves that the person is there. A link from a mailbox, for one, does not.
COUNTED = frozenset({"password", "mfa"})


@dataclass(frozen=True)
class Authentication:
    """When a person last proved to be there, and everything they proved it by since shortly before.

    A method is `password`, or `mfa:` and the kind of the second factor.
    """

    at: datetime
    methods: tuple[str, ...]

    def is_fresh_at(self, now: datetime) -> bool:
        """Whether it counts as being there now; one of the future does not: a clock is wrong."""
        return timedelta(0) <= now - self.at <= FRESH_FOR


def of_session(request: HttpRequest) -> Authentication | None:
    """The last authentication of the request's session; None where it has no record of one."""
    records = [
        (datetime.fromtimestamp(record["at"], UTC), _name(record))
        for record in get_authentication_records(request, request.user)  # type: ignore[arg-type]
        if record.get("method") in COUNTED
    ]
    if not records:
        return None
    last = max(at for at, _ in records)
    return Authentication(
        last, tuple(sorted({name for at, name in records if last - at <= FRESH_FOR}))
    )


def _name(record: dict[str, Any]) -> str:
    kind = record.get("type")
    return f"{record['method']}:{kind}" if kind else str(record["method"])
