"""Writing an action's audit records in one shape."""

from typing import Any, TypedDict, Unpack

from approvals.models import Action, Approval, Execution
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Actor, Target


class Said(TypedDict, total=False):
    """What is said of a change beside the action itself; `before` is the status it had."""

    before: str | None
    reason: str
    outcome: str
    meta: dict[str, Any] | None
    approval: Approval | None
    actor: Actor | None


def target(action: Action) -> Target:
    """The action as a record names it."""
    return Target("action", action.public_id, action.version)


def record(action: Action, what: AuditAction, **fields: Unpack[Said]) -> None:
    """Record what happened to an action; the reason's text stays with the action itself."""
    audit.record(what, **_fields(action, **fields))


def record_both(action: Action, *whats: tuple[AuditAction, Said]) -> None:
    """Record several things that happened to an action at once, in their order."""
    audit.append(*(audit.draft(what, **_fields(action, **said)) for what, said in whats))


def _fields(
    action: Action,
    *,
    before: str | None = None,
    reason: str = "",
    outcome: str = "ok",
    meta: dict[str, Any] | None = None,
    approval: Approval | None = None,
    actor: Actor | None = None,
) -> audit.RecordFields:
    return {
        "target": target(action),
        "scope": action.environment.audit_scope,
        "outcome": outcome,
        "reason": reason,
        "changes": {"status": [before, action.status]} if before != action.status else {},
        "digest": action.digest or None,
        "payload_sha256": action.arguments_sha256,
        "approval_ref": approval.public_id if approval else None,
        "meta": {"tool": action.tool_name, **(meta or {})},
        "actor": actor,
        "correlation_id": action.correlation_id,
    }


def record_execution(execution: Execution, what: AuditAction, **meta: Any) -> None:
    """Record what happened to one attempt."""
    action = execution.action
    audit.record(
        what,
        target=Target("execution", execution.public_id, execution.attempt),
        scope=action.environment.audit_scope,
        digest=action.digest,
        payload_sha256=action.arguments_sha256,
        meta={"action": action.public_id, "tool": action.tool_name, **meta},
        correlation_id=action.correlation_id,
    )
