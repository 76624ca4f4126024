"""Making the request that a connector gets: the one place that opens a credential for a tool."""

from collections.abc import Callable
from typing import Any

from audit.context import correlation_id
from gateway.connections import accounts
from gateway.connections import services as connections
from gateway.connectors import registry
from gateway.connectors.base import ConnectorRequest, Secret
from gateway.http.limits import Account, Limits
from gateway.http.messages import Sender
from gateway.tools.models import ToolVersion


def account_of(version: ToolVersion) -> Account:
    """Whose calls the door counts: the connection's, or the tool's where it needs no credential."""
    preset = registry.limits(version.connector)
    if version.connection is None:
        return Account(version.tool.public_id, Limits().with_(preset))
    return accounts.account_of(version.connection, preset)


def connector_request(
    version: ToolVersion,
    sender: Sender,
    *,
    arguments: Any,
    rendered: dict[str, Any],
    idempotency_key: str,
    deadline_s: float,
) -> ConnectorRequest:
    """One attempt's request, with the revealed credential, and a way to another after a 401."""
    secret = connections.reveal(version.connection) if version.connection else None
    return ConnectorRequest(
        client=sender,
        secret=secret,
        config={**version.config, "preview": version.preview}
        if version.preview
        else version.config,
        operation=version.operation,
        arguments=arguments,
        rendered=rendered,
        idempotency_key=idempotency_key,
        deadline_s=deadline_s,
        correlation_id=correlation_id(),
        renew=_renewal(version, secret),
        side_effect=version.side_effect,
    )


def _renewal(version: ToolVersion, secret: Secret | None) -> Callable[[], Secret | None] | None:
    connection = version.connection
    if connection is None or secret is None:
        return None
    return lambda: connections.renew(connection, secret)
