"""Binding a tool's definition to another environment, with a connection that belongs there."""

from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.models import Connection
from gateway.lib.errors import Denied, Refused
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal, of_user
from gateway.tools.models import Tool
from gateway.tools.services.defining import definition_of, save

CHANGE = "tools.change_tool"
_ADDRESSES = ("url", "base_url")


@transaction.atomic
def bind(
    tool: Tool,
    *,
    environment: Environment,
    by: Principal,
    connection: Connection | None = None,
    origin: str = "",
) -> Tool:
    """The tool's present definition in another environment of the tenant, off until switched on.

    `origin` (scheme, host, port) replaces where its requests go, for a service whose sandbox
    stands elsewhere. Raises Denied unless the person may change tools there as well, Refused where
    the definition does not fit or the connection is of another environment.
    """
    if tool.current is None or tool.environment_id == environment.pk:
        raise Refused("same_environment", "Name another environment than the tool's own.")
    if environment.tenant_id != tool.environment.tenant_id or not _may(by, environment):
        raise Denied("not_permitted", "You may not change tools in that environment.")
    definition = definition_of(tool.current)
    if origin:
        definition = _moved(definition, origin.rstrip("/"))
    bound = save(environment, name=tool.name, connection=connection, enabled=False, **definition)
    audit.record(
        AuditAction.TOOL_BOUND,
        target=Target("tool", bound.public_id, bound.current.number if bound.current else None),
        scope=environment.audit_scope,
        meta={
            "from_tool": tool.public_id,
            "from_version": tool.current.number,
            "from_definition_sha256": tool.current.definition_sha256,
            "connection": connection.public_id if connection else None,
        },
    )
    return bound


def _may(by: Principal, environment: Environment) -> bool:
    """A key acts in its own environment only, whatever its owner may do elsewhere."""
    if by.user is None or by.api_key is not None:
        return False
    return of_user(by.user, environment).has(CHANGE)


def _moved(definition: dict[str, Any], origin: str) -> dict[str, Any]:
    parts = urlsplit(origin)
    if not parts.netloc or parts.path or parts.query or parts.fragment:
        raise Refused("invalid", "origin is scheme, host and port: https://api.example.com.")
    undo = definition["compensate"]
    return {
        **definition,
        "config": _readdressed(definition["config"], origin),
        "preview": _readdressed(definition["preview"], origin),
        "compensate": undo and {**undo, "config": _readdressed(undo.get("config"), origin)},
    }


def _readdressed(config: dict[str, Any] | None, origin: str) -> Any:
    if not config:
        return config
    moved = dict(config)
    for name in _ADDRESSES:
        if isinstance(address := moved.get(name), str):
            parts = urlsplit(address)
            moved[name] = origin + address.removeprefix(f"{parts.scheme}://{parts.netloc}")
    return moved
