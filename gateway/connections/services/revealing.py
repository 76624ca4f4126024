"""The one place where a credential is opened, for one outbound call."""

from dataclasses import replace

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from gateway.connections.models import Connection
from gateway.connections.services.references import reference_of, resolve
from gateway.connections.services.refreshing import access_token
from gateway.connections.services.sealed import value_of
from gateway.connectors.base import Secret
from gateway.lib import hosts
from gateway.lib.errors import DomainError, Refused
from gateway.lib.sealing import CannotUnseal

log = structlog.get_logger(__name__)


def reveal(connection: Connection) -> Secret:
    """The credential, for one outbound call; the use is noted on the row.

    A token is issued or refreshed where it is due, which may ask a service: never inside a
    transaction that others wait for. Raises sealing.CannotUnseal, or a DomainError that says what
    to do: archived, expired, no consent, a reference that leads nowhere, no token just now.
    """
    _check_usable(connection)
    if connection.rules.issues:
        return _secret(connection, access_token(connection))
    return _secret(connection, resolve(value_of(connection)))


def renew(connection: Connection, spent: Secret) -> Secret | None:
    """Another credential in the place of one that a service refused (401); None where none is.

    A token is refreshed, a reference read again: whoever keeps the secret may have rotated it.
    """
    try:
        if connection.rules.issues:
            return replace(spent, value=access_token(connection, spent=spent.value))
        if reference_of(entered := value_of(connection)):
            fresh = replace(spent, value=resolve(entered))
            return fresh if fresh != spent else None
    except (DomainError, CannotUnseal) as error:
        log.warning("not_renewed", connection=connection.public_id, reason=str(error))
    return None


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
    config, kind = connection.config, connection.kind
    if connection.rules.issues:
        kind = "header" if config.get("header") else "bearer"
    return Secret(
        kind=kind,
        value=value,
        username=str(config.get("username") or config.get("access_key_id") or ""),
        header=str(config.get("header", "")),
        region=str(config.get("region", "")),
        service=str(config.get("service", "")),
        pinned=_pinned(str(config.get("version_header", ""))),
        hosts=hosts.listed(str(config.get("hosts", ""))),
    )


def _pinned(text: str) -> dict[str, str]:
    name, _, version = text.partition(":")
    return {name.strip(): version.strip()} if version.strip() else {}
