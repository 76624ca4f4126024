"""Where a connection's secrets are kept: sealed, each bound to its own place."""

from gateway.connections.models import Connection, Token
from gateway.lib import sealing


def put_value(connection: Connection, value: str) -> None:
    """Seal the value into the row, which is not saved."""
    connection.sealed = sealing.seal(value, **_of_connection(connection)) if value else ""
    connection.fingerprint = sealing.fingerprint(value) if value else ""


def value_of(connection: Connection) -> str:
    """The value as it was entered: a secret or a reference. Raises CannotUnseal."""
    if not connection.sealed:
        return ""
    return sealing.unseal(connection.sealed, **_of_connection(connection))


def seal_token(token: Token, field: str, text: str) -> str:
    """The sealed form of the token's `access` or `refresh`; empty for nothing."""
    return sealing.seal(text, **_of_token(token, field)) if text else ""


def open_token(token: Token, field: str) -> str:
    """What `seal_token` sealed. Raises CannotUnseal."""
    text = getattr(token, f"sealed_{field}")
    return sealing.unseal(text, **_of_token(token, field)) if text else ""


def _of_connection(connection: Connection) -> dict[str, str]:
    return {
        "table": "connection",
        "row": str(connection.pk),
        "field": "value",
        "tenant": str(connection.environment.tenant_id),
    }


def _of_token(token: Token, field: str) -> dict[str, str]:
    return {
        "table": "connection_token",
        "row": str(token.pk),
        "field": field,
        "tenant": str(token.connection.environment.tenant_id),
    }
