"""Holding a connection's row while it is changed, and taking back what was issued for it."""

from django.db.models import F
from django.db.models.functions import Now

from gateway.connections.models import Connection, Token
from gateway.lib.errors import Refused, StaleState


def held(connection: Connection, *, revision: int | None = None) -> Connection:
    """The row, locked. Raises StaleState for another revision, Refused for an archived one."""
    row = (
        Connection.objects.select_for_update(of=("self",))
        .select_related("environment__tenant")
        .get(pk=connection.pk)
    )
    if row.archived_at is not None:
        raise Refused("connection_archived", f"The connection {row.slug} is archived.")
    if revision is not None and revision != row.revision:
        raise StaleState(
            f"The connection {row.slug} was changed meanwhile: it has revision {row.revision} now.",
            revision=row.revision,
        )
    return row


def has_token(connection: Connection) -> bool:
    """Whether something that was issued for it is kept."""
    issued = Token.objects.filter(connection=connection)
    return issued.exclude(sealed_access="", sealed_refresh="").exists()


def forget_token(connection: Connection) -> None:
    """Nothing that was issued counts any more; a refresh under way loses its claim."""
    Token.objects.filter(connection=connection).update(
        sealed_access="", sealed_refresh="", scopes="", obtained_at=None, expires_at=None,
        refresh_at=None, failed_at=None, error="", is_refused=False, lease_until=None,
        attempts=F("attempts") + 1,
    )  # fmt: skip


def retry_token(connection: Connection) -> None:
    """Ask for a new token at the next use, whatever was refused before."""
    Token.objects.filter(connection=connection).update(
        refresh_at=Now(), failed_at=None, error="", is_refused=False
    )
