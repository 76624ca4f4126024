"""How a connection stands: one word, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.connections.models import Connection, Token

# So long before its end a credential that nobody refreshes is worth a word.
SOON = timedelta(days=14)
ATTENTION = frozenset(
    {
        "not_connected", "reconnect", "no_token", "out_of_date", "ends_soon", "rotation_due",
        "trouble",
    }
)  # fmt: skip
ENDING = frozenset({"ends_soon", "rotation_due"})


@dataclass(frozen=True)
class Standing:
    """A state (`ready`, `archived` or one of ATTENTION) and a sentence; empty where all is well."""

    state: str
    note: str = ""

    @property
    def needs_attention(self) -> bool:
        """Whether somebody has to do something."""
        return self.state in ATTENTION

    @property
    def is_ending(self) -> bool:
        """Whether it works still, and will not for long."""
        return self.state in ENDING


def token_of(connection: Connection) -> Token | None:
    """What was issued for it."""
    return getattr(connection, "token", None)


def standing(connection: Connection, *, now: datetime) -> Standing:
    """The worst that is to be said of it."""
    if connection.archived_at is not None:
        return Standing("archived")
    token = token_of(connection)
    if connection.rules.issues and (said := _of_token(connection, token)):
        return said
    if connection.expires_at and connection.expires_at <= now:
        return Standing("out_of_date", "Its credential has expired: rotate it.")
    if token and token.error:
        return Standing("trouble", token.error)
    if connection.check_error:
        return Standing("trouble", connection.check_error)
    if connection.expires_at and connection.expires_at <= now + SOON:
        return Standing("ends_soon", "Its credential expires soon: rotate it.")
    if connection.rotate_at and connection.rotate_at <= now:
        days = connection.rotate_after_days
        return Standing("rotation_due", f"Its value is older than {days} days: rotate it.")
    return Standing("ready")


def _of_token(connection: Connection, token: Token | None) -> Standing | None:
    is_empty = token is None or not (token.sealed_access or token.sealed_refresh)
    if connection.rules.has_consent and is_empty:
        return Standing("not_connected", "Nobody has agreed at the service yet.")
    if token and token.is_refused:
        return Standing("reconnect" if connection.rules.has_consent else "no_token", token.error)
    return None
