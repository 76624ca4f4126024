"""What a waiting action's columns say of time and people: deadline, reminder, escalation (pure)."""

from datetime import datetime, timedelta
from typing import Any

from approvals.requirement import Requirement, escalated


def waiting(requirement: Requirement, since: datetime) -> dict[str, Any]:
    """The columns of an action that begins to wait for people at this moment.

    Whoever moves an action to `pending` writes all of them, so that nothing of an earlier wait
    stays: who was reminded, where it was escalated to, who was on it.
    """
    whole = timedelta(seconds=requirement.expires_in_s)
    is_escalated = requirement.escalate_at > 0 and bool(requirement.escalate_to)
    return {
        "decide_by": since + whole,
        "remind_due_at": since + whole * requirement.remind_at if requirement.remind_at else None,
        "reminded_at": None,
        "escalate_due_at": since + whole * requirement.escalate_at if is_escalated else None,
        "escalated_at": None,
        "routes": routes(requirement),
        "taken_by": None,
        "taken_until": None,
    }


def changed(
    requirement: Requirement,
    *,
    now: datetime,
    decide_by: datetime | None,
    reminded_at: datetime | None,
    escalated_at: datetime | None,
) -> dict[str, Any]:
    """The columns of an action that goes on waiting under another requirement.

    What was done stays done; what is to come is spread over the time that is left.
    """
    left = (decide_by or now) - now
    asks = requirement.escalate_at if requirement.escalate_to else 0
    remind = requirement.remind_at if reminded_at is None else 0
    escalate = asks if escalated_at is None else 0
    now_asked = in_force(requirement, is_escalated=escalated_at is not None)
    return {
        "remind_due_at": now + left * remind if remind else None,
        "escalate_due_at": now + left * escalate if escalate else None,
        "routes": routes(now_asked),
    }


def in_force(requirement: Requirement, *, is_escalated: bool) -> Requirement:
    """The requirement as it counts now: once escalated, those of `escalate_to` decide as well."""
    return escalated(requirement) if is_escalated else requirement


def routes(requirement: Requirement) -> str:
    """Whom the requirement names, for a query: `|group:finance|role:admin|`.

    Empty with stages: who is asked then depends on the votes, which a text cannot say.
    """
    if len(requirement.steps) > 1:
        return ""
    return f"|{'|'.join(sorted(requirement.steps[0].names))}|"
