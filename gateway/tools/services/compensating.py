"""The definition by which what a tool did is undone, as the tool's own definition declares it."""

import copy

from gateway.connectors import registry
from gateway.connectors.base import Unknown
from gateway.tools.models import RetryClass, ToolVersion
from gateway.tools.services.judging import with_result


def as_undo(version: ToolVersion) -> ToolVersion | None:
    """A copy, never to be saved, that has the declared operation undo a call; None without one.

    Its arguments are those of the call with `result`, what the call gave. Its retry class is the
    operation's own: the tool's was judged for what the tool does.
    """
    undo = version.compensate
    if not undo:
        return None
    made = copy.copy(version)
    made.operation = undo.get("operation", version.operation)
    made.config = undo.get("config", {})
    made.effect = undo.get("effect") or f"Undo: {version.effect}"
    made.input_schema = with_result(version.input_schema, version.output_schema)
    made.output_schema = made.preview = made.compensate = None
    made.material = []
    made.retry_class = _retry_class(made)
    return made


def _retry_class(version: ToolVersion) -> str:
    try:
        found = registry.connector(version.connector).operations.get(version.operation)
    except Unknown:
        found = None
    return RetryClass(found.retry_class.value) if found else RetryClass.UNSAFE
