"""Defining tools: every part is checked before a version exists."""

from typing import Any

from django.db import transaction
from django.db.models import Max

from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.connections.models import Connection
from gateway.connectors import registry
from gateway.lib.cel import CelError, compile_expression
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment
from gateway.tools import render, schema
from gateway.tools.models import RetryClass, Risk, SideEffect, Tool, ToolVersion

DEFINITION_FIELDS = (
    "description", "input_schema", "output_schema", "side_effect", "retry_class", "risk",
    "connector", "operation", "config", "effect", "affected", "preview", "material", "sensitive",
)  # fmt: skip
AFFECTED_VARIABLES = ("args",)


@transaction.atomic
def save(
    environment: Environment,
    *,
    name: str,
    connection: Connection | None = None,
    enabled: bool = True,
    **definition: Any,
) -> Tool:
    """Create the tool, or give it a new version when its definition changed.

    Raises Refused naming the part that is wrong; nothing is stored then.
    """
    values = _complete(definition)
    _check(values)
    tool, created = Tool.objects.select_for_update().get_or_create(
        environment=environment, name=name, defaults={"is_enabled": enabled}
    )
    sha256 = digest(
        {**values, "name": name, "connection": connection.public_id if connection else None}
    )
    if tool.current is None or tool.current.definition_sha256 != sha256:
        last = tool.versions.aggregate(last=Max("number"))["last"] or 0
        tool.current = ToolVersion.objects.create(
            tool=tool, number=last + 1, connection=connection, definition_sha256=sha256, **values
        )
    tool.is_enabled = enabled
    tool.save()
    audit.record(
        AuditAction.TOOL_CREATED if created else AuditAction.TOOL_CHANGED,
        target=Target("tool", tool.public_id, tool.current.number),
        scope=environment.audit_scope,
        changes={"definition_sha256": [None, sha256], "enabled": [None, enabled]},
    )
    return tool


def enabled(environment: Environment, name: str) -> Tool | None:
    """The enabled tool of this name, with its current version."""
    return (
        Tool.objects.within(environment)
        .filter(name=name, is_enabled=True, archived_at=None)
        .select_related("current__connection", "environment__tenant")
        .first()
    )


def _complete(definition: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(definition) - set(DEFINITION_FIELDS):
        raise Refused("unknown_field", f"A tool has no field {', '.join(sorted(unknown))}.")
    defaults: dict[str, Any] = {
        "description": "", "output_schema": None, "config": {}, "affected": "", "preview": None,
        "material": [], "sensitive": [],
    }  # fmt: skip
    values = {**defaults, **definition}
    if missing := [field for field in DEFINITION_FIELDS if field not in values]:
        raise Refused("missing_field", f"The tool needs {', '.join(missing)}.")
    return values


def _check(values: dict[str, Any]) -> None:
    for field, choices in (
        ("side_effect", SideEffect),
        ("retry_class", RetryClass),
        ("risk", Risk),
    ):
        if values[field] not in choices.values:
            raise Refused("invalid", f"{field} must be one of {', '.join(choices.values)}.")
    if values["side_effect"] != SideEffect.READ and not values["effect"].strip():
        raise Refused("effect_missing", "A tool that changes something needs an effect sentence.")
    try:
        schema.check_definition(values["input_schema"])
        render.check_effect(values["effect"], values["input_schema"])
        # The connector judges the preview as well: it sees it where it will find it when called.
        preview = {"preview": values["preview"]} if values["preview"] else {}
        registry.connector(values["connector"]).check(
            values["operation"], {**values["config"], **preview}, values["input_schema"]
        )
        if values["affected"]:
            compile_expression(values["affected"], AFFECTED_VARIABLES)
    except (schema.SchemaError, render.RenderError, registry.Unknown, CelError) as error:
        raise Refused("tool_invalid", f"The tool's definition was refused: {error}") from error
