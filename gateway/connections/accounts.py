"""A connection as the door knows it: whose credential it is, and what it may take."""

from collections.abc import Mapping
from typing import Any

from gateway.connections.models import Connection
from gateway.http.health import Health, Told, health, notices
from gateway.http.limits import Account, Limits


def account_of(connection: Connection, preset: Mapping[str, Any] | None = None) -> Account:
    """Its calls are counted under its id; its own limits win over what the connector knows."""
    limits = Limits().with_(preset or {}).with_(connection.limits)
    return Account(connection.public_id, limits)


def health_of(connection: Connection, preset: Mapping[str, Any] | None = None) -> list[Health]:
    """How each host stands that it was used for in the last week."""
    return health(account_of(connection, preset))


def told_to(connection: Connection) -> list[Told]:
    """What its services told in passing: a call that will end, another version that answered."""
    return notices(account_of(connection))
