"""The last look before anything happens: still allowed, the same, and approved by somebody."""

from datetime import datetime
from typing import Any

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action, Approval
from approvals.policy import engine, facts
from approvals.requirement import Requirement, is_stricter
from approvals.services import (
    binding,
    granted,
    reading,
    selecting,
    spending,
    targets,
    trail,
    versions,
)
from approvals.services.alone import stands_alone
from approvals.services.masking import shown
from approvals.services.routing import routed
from approvals.services.seeing import affected_of
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.agents import services as agents
from gateway.lib.clock import database_now
from gateway.lib.states import move

log = structlog.get_logger(__name__)


def may_still_run(action: Action, now: datetime | None = None) -> bool:
    """Whether the action may be carried out now, by the database's clock.

    Where it may not, it is moved to where it belongs (expired, denied, pending, failed) and the
    reason recorded, in the caller's transaction. Nothing is ever "fixed up".
    """
    if action.status == ActionStatus.EXECUTING:
        # It may have happened: a look, or a repetition with the same key and the same bytes.
        return _is_bound(action)
    if action.called_off_at is not None:
        _end(action, ActionStatus.CANCELED, "canceled", "Its run ended before it was tried again.")
        return False
    if action.execute_by and action.execute_by <= (now or database_now()):
        _end(action, ActionStatus.EXPIRED, "expired", "It could not be executed in time.")
        return False
    return (
        _is_bound(action)
        and _is_in_scope(action)
        and _policy_agrees(action)
        and _people_stand(action)
    )


def _is_bound(action: Action) -> bool:
    version = action.tool_version
    tool = version.tool if version else None
    connection = version.connection if version else None
    if binding.digest_of(action) != action.digest or not binding.is_rebuilt(action):
        log.error("digest_mismatch", action=action.public_id)
        _end(
            action,
            ActionStatus.DENIED,
            "digest_mismatch",
            "What is stored is not what was approved.",
        )
        return False
    if tool is None or not tool.is_enabled or tool.current_id != action.tool_version_id:
        _end(
            action,
            ActionStatus.DENIED,
            "tool_changed",
            "The tool was changed or switched off since.",
        )
        return False
    if connection and connection.revision != action.connection_revision:
        reason = "The connection was changed since."
        _end(action, ActionStatus.DENIED, "connection_changed", reason)
        return False
    return True


def _is_in_scope(action: Action) -> bool:
    """Whether the agent's tools, as they are now, still have it.

    An agent that is only switched off asks for nothing new; what people approved is stopped by the
    kill switch.
    """
    arguments = action.arguments_value
    standing = agents.scope_of(action.agent, action.tool_name, arguments=arguments)
    if not standing.is_permitted:
        _end(action, ActionStatus.DENIED, "not_permitted", standing.detail)
    return standing.is_permitted


def _policy_agrees(action: Action) -> bool:
    rules = selecting.active_rules(action.environment, selecting.Subject.of(action))
    seen = _facts_now(action)
    verdict = engine.evaluate(rules, seen)
    if verdict.verdict == "deny":
        reason = shown(action, verdict.reason) or "Policy denies it now."
        _end(action, ActionStatus.DENIED, "denied", reason)
        return False
    stored = Requirement.from_dict(action.requirement) if action.requirement else None
    wanted = routed(verdict.requirement, verdict, version=action.tool_version)
    if (
        verdict.verdict == "require_approval"
        and wanted
        and (stored is None or is_stricter(wanted, stored))
        and not (stored is None and granted.still_covers(action, wanted))
    ):
        _return_to_review(action, wanted)
        return False
    return True


def _people_stand(action: Action) -> bool:
    """Whether the genuine votes of people who may still decide satisfy the whole requirement.

    An allowed action needs none. A refusal counts whatever it is bound to.
    """
    if action.requirement is None:
        return True
    cast = reading.votes(action)
    counted = [vote for vote in cast if vote.decision == "reject" or _is_genuine(vote)]
    if reading.progress(action, counted).satisfied or _is_emergency(counted):
        return True
    log.error("approval_not_valid", action=action.public_id)
    _return_to_review(action, binding.requirement_of(action))
    return False


def _is_emergency(cast: list[Approval]) -> bool:
    """Whether somebody decided alone who may, and nobody refuses it."""
    decided = [vote for vote in cast if vote.decision == Approval.Decision.BREAK_GLASS]
    return any(map(stands_alone, decided)) and not any(
        vote.decision == Approval.Decision.REJECT for vote in cast
    )


def _is_genuine(vote: Approval) -> bool:
    is_bound = vote.digest == vote.action.digest and binding.is_genuine(vote)
    return is_bound and reading.was_there(vote)


def _facts_now(action: Action) -> dict[str, Any]:
    """The stored facts at the present time: rules about hours hold when it runs, too."""
    stored = {name: action.facts.get(name, {}) for name in engine.VARIABLES}
    stored.pop("time")
    # These two are masked in what is stored.
    stored["args"], stored["affected"] = action.arguments_value, affected_of(action)
    return facts.build(now=timezone.now(), time_zone=action.environment.tenant.time_zone, **stored)


def _return_to_review(action: Action, requirement: Requirement) -> None:
    """Back to a person under the stricter requirement: a new version, a new digest, votes void."""
    if action.reopened_at is not None:
        reason = "More is required now than was when it was approved."
        _end(action, ActionStatus.UNKNOWN, "requirement_stricter", reason)
        return
    before = action.status
    versions.return_to_review(action, requirement, comment="More is required now than was then.")
    trail.record(action, AuditAction.ACTION_RETURNED, before=before, reason="requirement_stricter")


def _end(action: Action, to: ActionStatus, code: str, reason: str) -> None:
    if action.reopened_at is not None:
        _begin_again(action)
    before = action.status
    if before == ActionStatus.EXECUTING:
        to = ActionStatus.UNKNOWN
    settled = None if to == ActionStatus.UNKNOWN else Now()
    move(
        action, to, code=code, reason=reason, settled_at=settled, due_at=None, lease_until=None,
        reopened_at=None,
    )  # fmt: skip
    what = {
        ActionStatus.EXPIRED: AuditAction.ACTION_EXPIRED,
        ActionStatus.CANCELED: AuditAction.ACTION_CANCELED,
        ActionStatus.UNKNOWN: AuditAction.ACTION_UNKNOWN,
    }.get(to, AuditAction.ACTION_DENIED)
    trail.record(action, what, before=before, reason=code)
    targets.release(action)
    spending.follow(action)


def _begin_again(action: Action) -> None:
    """What two people ordered again stays as unknown as it was, by the way that the table draws."""
    if action.status == ActionStatus.APPROVED:
        before = action.status
        move(action, ActionStatus.EXECUTING)
        trail.record(action, AuditAction.ACTION_CLAIMED, before=before, reason="not_sent")
