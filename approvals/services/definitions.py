"""What a tool's definition says of one call: may it be repeated, looked up, and what must not move.

The definition is the tool's; where it says nothing, its connector's operation speaks.
"""

from approvals.models import Action
from gateway.connectors import registry
from gateway.connectors.base import Operation, Searchable, Unknown
from gateway.tools import services as tools
from gateway.tools.models import RetryClass, ToolVersion

REPEATABLE = frozenset({RetryClass.SAFE, RetryClass.IDEMPOTENT})


def definition_of(action: Action) -> ToolVersion:
    """What the action is carried out by: its tool's definition, or what that declares to undo it.

    Raises ValueError where there is none.
    """
    version = action.tool_version
    if version is not None and action.undoes_id:
        version = tools.as_undo(version)
    if version is None:
        raise ValueError(f"{action} has no tool, or one that undoes nothing")
    return version


def operation_of(version: ToolVersion) -> Operation | None:
    """The connector's operation behind it; None where there is none of this name any more."""
    try:
        return registry.connector(version.connector).operations.get(version.operation)
    except Unknown:
        return None


def may_repeat(action: Action) -> bool:
    """Whether the same request with the same key does no harm a second time."""
    return definition_of(action).retry_class in REPEATABLE


def can_look_up(action: Action) -> bool:
    """Whether the service can be asked by key what became of an earlier attempt."""
    version = definition_of(action)
    operation = operation_of(version)
    is_searchable = isinstance(registry.connector(version.connector), Searchable)
    return operation is not None and operation.has_lookup and is_searchable


def material_of(version: ToolVersion) -> list[str]:
    """The paths of the state before that must not move; none where all of it counts."""
    operation = operation_of(version)
    return list(version.material or (operation.material if operation else ()))
