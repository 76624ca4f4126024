"""Turning tools on and off, and putting them away."""

from django.db import transaction
from django.db.models.functions import Now

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Refused
from gateway.tools.models import Tool
from gateway.tools.services.defining import refuse_incomplete
from gateway.tools.services.reading import missing_blocks


@transaction.atomic
def switch(tool: Tool, *, on: bool) -> Tool:
    """Enable or disable the tool; the same state again changes nothing.

    Raises Refused, naming what is missing, where a reviewer would not see what it takes to decide.
    """
    locked = _lock(tool)
    if locked.archived_at is not None:
        raise Refused("archived", f"The tool {tool.name} is archived: restore it first.")
    if locked.is_enabled == on:
        return locked
    if on:
        lacking = missing_blocks(locked.current) if locked.current else ["a definition"]
        refuse_incomplete(tool.name, lacking)
    locked.is_enabled = on
    locked.save(update_fields=["is_enabled"])
    _record(locked, AuditAction.TOOL_SWITCHED, enabled=[not on, on])
    return locked


@transaction.atomic
def archive(tool: Tool) -> Tool:
    """Put the tool away, and switch it off with that; its history stays."""
    locked = _lock(tool)
    if locked.archived_at is None:
        was = locked.is_enabled
        locked.is_enabled = False
        locked.archived_at = Now()
        locked.save(update_fields=["is_enabled", "archived_at"])
        locked.refresh_from_db()
        _record(locked, AuditAction.TOOL_ARCHIVED, enabled=[was, False])
    return locked


@transaction.atomic
def restore(tool: Tool) -> Tool:
    """Take the tool out again; it stays off until somebody switches it on."""
    locked = _lock(tool)
    if locked.archived_at is not None:
        locked.archived_at = None
        locked.save(update_fields=["archived_at"])
        _record(locked, AuditAction.TOOL_RESTORED)
    return locked


def _lock(tool: Tool) -> Tool:
    return (
        Tool.objects.select_for_update(of=("self",))
        .select_related("current__connection", "environment__tenant")
        .get(pk=tool.pk)
    )


def _record(tool: Tool, what: AuditAction, **changes: list[object]) -> None:
    audit.record(
        what,
        target=Target("tool", tool.public_id, tool.current.number if tool.current else None),
        scope=tool.environment.audit_scope,
        changes=changes,
    )
