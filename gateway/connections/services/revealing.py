"""The one place where a credential is opened, for one outbound call."""

from django.db.models.functions import Now
from django.utils import timezone

from gateway.connections.models import Connection
from gateway.connections.services.references import resolve
from gateway.connections.services.sealed import value_of
from gateway.connectors.base import Secret
from gateway.lib.errors import Refused


def reveal(connection: Connection) -> Secret:
    """The credential, for one outbound call; the use is noted on the row.

    Raises sealing.CannotUnseal, or Refused when it is archived or expired, or a reference leads
    nowhere.
    """
    _check_usable(connection)
    return _secret(connection, resolve(value_of(connection)))


def _check_usable(connection: Connection) -> None:
    """Notes the use; the row may have been archived since the caller read it."""
    live = Connection.objects.filter(pk=connection.pk, archived_at=None)
    if not live.update(last_used_at=Now()):
        raise Refused(
            "connection_archived",
            f"The connection {connection.slug} is archived: give the tool another one.",
        )
    if connection.expires_at and connection.expires_at <= timezone.now():
        raise Refused(
            "connection_expired",
            f"The credential of {connection.slug} has expired: rotate it on the connection's page.",
        )


def _secret(connection: Connection, value: str) -> Secret:
    config = connection.config
    return Secret(
        kind=connection.kind,
        value=value,
        username=str(config.get("username", "")),
        header=str(config.get("header", "")),
    )
