"""What connectors share about operations: finding one, judging a tool made of it (pure)."""

from collections.abc import Mapping
from typing import Any

from gateway.connectors.base import Operation, Unknown
from gateway.tools.render import RenderError

RESULT = "result"


def by_name(*operations: Operation) -> dict[str, Operation]:
    """The operations as a connector lists them."""
    return {operation.name: operation for operation in operations}


def found(operations: Mapping[str, Operation], name: str, *, connector: str) -> Operation:
    """The operation of this name; raises Unknown."""
    try:
        return operations[name]
    except KeyError:
        raise Unknown(f"The {connector} connector has no operation {name[:60]!r}.") from None


def check_schema(operation: Operation, schema: Mapping[str, Any]) -> None:
    """A tool may ask for less than its operation takes, never for something else.

    Raises RenderError for an argument the operation does not know, or one it needs and the tool
    does not require. An operation that takes another call back gets that call's arguments and its
    `result`: it leaves aside what it does not know, and takes what it needs from either.
    """
    if operation.schema is None:
        return
    known, asked = operation.schema.get("properties", {}), schema.get("properties", {})
    needed = set(operation.schema.get("required", ())) - set(schema.get("required", ()))
    if RESULT in asked and RESULT not in known:
        needed -= _promised(asked[RESULT], needed)
    elif unknown := sorted(set(asked) - set(known)):
        raise RenderError("input_schema", f"{operation.name} takes no {', '.join(unknown)}")
    if needed:
        raise RenderError("input_schema", f"{operation.name} needs {', '.join(sorted(needed))}")


def _promised(result: Mapping[str, Any], needed: set[str]) -> set[str]:
    """What a call surely gives; everything, as far as anybody knows, where it does not say."""
    return set(result.get("required", ())) if "properties" in result else needed
