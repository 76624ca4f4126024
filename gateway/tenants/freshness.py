"""How fresh a browser session's sign-in is, and by which methods it was made."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.http import HttpRequest

from gateway.lib.assertions import Assertion

FRESH_FOR = timedelta(minutes=5)
# What proves that the person is there. A link from a mailbox, for one, does not.
COUNTED = frozenset({"password", "mfa", "socialaccount"})
PASSKEY = "mfa:webauthn"
# Second factors whose answer stands for itself. A passkey's counts for the digest it signed only.
CODES = frozenset({"mfa:totp", "mfa:recovery_codes"})
FIRST = frozenset({"password", "socialaccount"})


@dataclass(frozen=True)
class Signed:
    """A passkey's answer, and the review digest that it was asked about."""

    digest: str
    assertion: Assertion


@dataclass(frozen=True)
class Authentication:
    """When a person last proved to be there, and everything they proved it by since shortly before.

    A method is `password`, `socialaccount`, or `mfa:` and the kind of the second factor. `code_at`
    is when a code of a second factor was last given; `signed` what a passkey signed just now.
    """

    at: datetime
    methods: tuple[str, ...]
    code_at: datetime | None = None
    signed: Signed | None = None

    def is_fresh_at(self, now: datetime) -> bool:
        """Whether it counts as being there now; one of the future does not: a clock is wrong."""
        return _is_fresh(self.at, now)

    def has_code_at(self, now: datetime) -> bool:
        """Whether a code of a second factor was given just now."""
        return self.code_at is not None and _is_fresh(self.code_at, now)

    def has_signed(self, digest: str) -> bool:
        """Whether a passkey has signed exactly this digest."""
        return self.signed is not None and self.signed.digest == digest


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
    names = sorted({name for at, name in records if last - at <= FRESH_FOR})
    codes = [at for at, name in records if name in CODES]
    return Authentication(last, tuple(names), code_at=max(codes, default=None))


def _is_fresh(at: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - at <= FRESH_FOR


def _name(record: dict[str, Any]) -> str:
    kind = record.get("type")
    return f"{record['method']}:{kind}" if kind else str(record["method"])
