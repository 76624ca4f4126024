"""What connectors offer, as definitions that an administrator only has to complete."""

from dataclasses import dataclass
from typing import Any

from gateway.connectors import document, registry
from gateway.connectors.base import Operation
from gateway.lib.errors import Refused

# What an operation says of every tool made of it; the tool's own word, where there is one, holds.
TAKEN = ("side_effect", "retry_class", "risk", "effect", "affected")


@dataclass(frozen=True)
class Offer:
    """One operation of one connector."""

    connector: str
    operation: Operation

    @property
    def key(self) -> str:
        """Both names, as in `github.create_issue`."""
        return f"{self.connector}.{self.operation.name}"


def offers() -> list[Offer]:
    """Everything a tool can be made of, in the connectors' order."""
    return [
        Offer(name, operation)
        for name in registry.offered()
        for operation in registry.connector(name).operations.values()
    ]


def offer(key: str) -> Offer:
    """The offer of this key; raises Refused."""
    for found in offers():
        if found.key == key:
            return found
    raise Refused("unknown_operation", f"No connector offers {key[:80]!r}.")


def with_offer(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition, completed by what its operation says of itself; the given fields win.

    One whose tools bring their own arguments (`http`) says nothing of them, and an operation that
    nobody offers completes nothing: the check that follows names what is missing.
    """
    key = f"{definition.get('connector')}.{definition.get('operation')}"
    found = next((one.operation for one in offers() if one.key == key), None)
    if found is None or not found.schema:
        return definition
    values = _offered(found)
    if "compensate" in values:
        # At the same place: else a tool of an own server would be undone at the vendor's.
        values["compensate"]["config"] = dict(definition.get("config") or {})
    return {**values, **definition}


def listed_operations() -> str:
    """What the connectors can do, as Markdown; the deployment's own included."""
    return document.listing(map(registry.connector, registry.offered()))


def operations_written_into(page: str) -> str:
    """The page of the connectors, brought up to date; raises ValueError where it has no marks."""
    return document.written_into(page, map(registry.connector, registry.offered()))


def _offered(operation: Operation) -> dict[str, Any]:
    values: dict[str, Any] = {name: str(getattr(operation, name)) for name in TAKEN}
    values |= {"material": list(operation.material), "sensitive": list(operation.sensitive)}
    values |= {"description": operation.title, "input_schema": dict(operation.schema or {})}
    if operation.output_schema is not None:
        values["output_schema"] = dict(operation.output_schema)
    if operation.undo:
        values["compensate"] = {"operation": operation.undo}
    return values
