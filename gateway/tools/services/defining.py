"""Defining tools: every part is checked before a version exists."""

from typing import Any

from django.db import transaction
from django.db.models import Max

from audit import services as audit
from audit.actions import AuditAction
from audit.canonical import digest
from audit.context import Target
from gateway.connections.models import Connection
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Refused, StaleState
from gateway.tenants.models import Environment
from gateway.tools.models import Tool, ToolVersion
from gateway.tools.services.judging import check
from gateway.tools.services.reading import missing

DEFINITION_FIELDS = (
    "description", "input_schema", "output_schema", "side_effect", "retry_class", "risk",
    "connector", "operation", "config", "effect", "affected", "preview", "material", "sensitive",
    "compensate", "reviewers",
)  # fmt: skip
# They came later: left out of the hash while empty, so that the hash of older versions holds.
LATER_FIELDS = ("compensate", "reviewers")
DEFAULTS: dict[str, Any] = {
    "description": "", "output_schema": None, "config": {}, "affected": "", "preview": None,
    "material": [], "sensitive": [], "compensate": None, "reviewers": [],
}  # fmt: skip


@transaction.atomic
def save(
    environment: Environment,
    *,
    name: str,
    connection: Connection | None = None,
    enabled: bool = True,
    is_draft: bool = False,
    looked_at: int | None = None,
    **definition: Any,
) -> Tool:
    """Create the tool, or give it a new version when its definition changed.

    `looked_at` is the version that was edited: StaleState where there is another one since.

    What waits or is approved under the version before goes through the gate again. A draft, which
    an import makes, may name a connector that does not exist yet; it is never enabled.
    Raises Refused naming the part that is wrong; nothing is stored then.
    """
    values = complete(definition)
    if connection and connection.environment_id != environment.pk:
        raise Refused("unknown_connection", "The connection belongs to another environment.")
    check(environment, values, is_draft=is_draft)
    if enabled:
        refuse_incomplete(name, missing(values))
    tool, created = Tool.objects.select_for_update().get_or_create(
        environment=environment, name=name, defaults={"is_enabled": enabled}
    )
    if tool.archived_at is not None:
        raise Refused("archived", f"The tool {name} is archived: restore it, or take another name.")
    before = tool.current
    if looked_at is not None and (before is None or before.number != looked_at):
        raise StaleState(f"Somebody changed {name} since: look at its present definition first.")
    _give_version(tool, values, connection=connection)
    tool.is_enabled = enabled
    tool.save()
    _record(tool, before, created=created)
    return tool


def complete(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition with its defaults. Raises Refused for a field unknown or missing."""
    if unknown := set(definition) - set(DEFINITION_FIELDS):
        raise Refused("unknown_field", f"A tool has no field {', '.join(sorted(unknown))}.")
    values = {**DEFAULTS, **definition}
    if lacking := [field for field in DEFINITION_FIELDS if field not in values]:
        raise Refused("missing_field", f"The tool needs {', '.join(lacking)}.")
    return values


def definition_of(version: ToolVersion) -> dict[str, Any]:
    """The fields that `save` takes, as this version has them."""
    return {name: getattr(version, name) for name in DEFINITION_FIELDS}


def refuse_incomplete(name: str, lacking: list[str]) -> None:
    """Raises Refused, naming what is missing, unless the tool has all that a reviewer needs."""
    if lacking:
        raise Refused(
            "incomplete",
            f"The tool {name} cannot be enabled. It lacks: {'; '.join(lacking)}.",
            missing=lacking,
        )


def _give_version(tool: Tool, values: dict[str, Any], *, connection: Connection | None) -> None:
    sha256 = _hash(tool.name, values, connection)
    if tool.current is not None and tool.current.definition_sha256 == sha256:
        return
    last = tool.versions.aggregate(last=Max("number"))["last"] or 0
    tool.current = ToolVersion.objects.create(
        tool=tool, number=last + 1, connection=connection, definition_sha256=sha256, **values
    )
    if last:
        ring(JobName.FOLLOW_TOOL, str(tool.pk))


def _hash(name: str, values: dict[str, Any], connection: Connection | None) -> str:
    kept = {key: value for key, value in values.items() if value or key not in LATER_FIELDS}
    reached = connection.public_id if connection else None
    return digest({**kept, "name": name, "connection": reached})


def _record(tool: Tool, before: ToolVersion | None, *, created: bool) -> None:
    now = tool.current
    if now is None:
        return
    changed = [
        name
        for name in DEFINITION_FIELDS
        if before is None or getattr(before, name) != getattr(now, name)
    ]
    audit.record(
        AuditAction.TOOL_CREATED if created else AuditAction.TOOL_CHANGED,
        target=Target("tool", tool.public_id, now.number),
        scope=tool.environment.audit_scope,
        changes={
            "definition_sha256": [
                before.definition_sha256 if before else None,
                now.definition_sha256,
            ],
            "enabled": [None, tool.is_enabled],
        },
        meta={} if created else {"fields": changed},
    )
