"""Files: objects of S3-compatible stores, and uploads to workspaces. Settings: see the two."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from gateway.connectors.base import ConnectorRequest, Outcome, Preview
from gateway.connectors.files import s3, workspace
from gateway.connectors.files.operations import INFO, OBJECTS, OPERATIONS
from gateway.connectors.operations import check_schema, found
from gateway.connectors.rest import check_fields


class FilesConnector:
    """One door to both: names that climb out of their folder are refused before any call."""

    name = "files"
    operations = OPERATIONS

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        described = found(self.operations, operation, connector=self.name)
        store = _store(operation)
        check_fields(config, store.SETTINGS)
        store.check(config)
        if "result" not in schema.get("properties", {}):
            check_schema(described, schema)

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The exact request without credential and key; pure."""
        found(self.operations, operation, connector=self.name)
        rendered: dict[str, Any] = _store(operation).render(config, operation, arguments)
        return rendered

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """What is there, and what will be; of a content its size and hash."""
        seen: Preview | None = _store(request.operation).preview(request)
        return seen

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Do it once."""
        outcome: Outcome = _store(request.operation).execute(request)
        return outcome

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """Whether the object is what this action makes of it; None where it is not.

        Raises OutsideError where the store cannot be read.
        """
        if request.operation not in OBJECTS or request.operation == INFO:
            return None
        return s3.lookup(request)


def _store(operation: str) -> ModuleType:
    return s3 if operation in OBJECTS else workspace
