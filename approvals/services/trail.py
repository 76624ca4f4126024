"""Writing an action's audit records in one shape."""

from typing import Any

from approvals.models import Action, Approval, Execution
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Actor, Target


def target(action: Action) -> Target:
    """The action as a record names it."""
    return Target("action", action.public_id, action.version)


def record(
    action: Action,
    what: AuditAction,
    *,
    before: str | None = None,
    reason: str = "",
    outcome: str = "ok",
    meta: dict[str, Any] | None = None,
    approval: Approval | None = None,
    actor: Actor | None = None,
) -> None:
    """Record what happened to an action; the reason's text stays with the action itself."""
    changes = {"status": [before, action.status]} if before != action.status else {}
    audit.record(
        what,
        target=target(action),
        scope=action.environment.audit_scope,
        outcome=outcome,
        reason=reason,
        changes=changes,
        digest=action.digest or None,
        payload_sha256=action.arguments_sha256,
        approval_ref=approval.public_id if approval else None,
        meta={"tool": action.tool_name, **(meta or {})},
        actor=actor,
        correlation_id=action.correlation_id,
    )


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
