"""A new version of an action: what was replaced is kept, its votes are void, its digest is another.

The caller writes the columns that it gets, with its move or its change, in the same transaction.
"""

import copy
import secrets
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from approvals import ladder
from approvals.models import Action, ActionVersion
from approvals.models.versions import KEPT
from approvals.requirement import Requirement
from approvals.services import binding, spending, targets
from approvals.states import ActionStatus
from gateway.lib.clock import database_now
from gateway.lib.states import move
from gateway.tenants.models import User

Origin = ActionVersion.Origin


def begin(
    action: Action, *, origin: Origin, by: User | None = None, comment: str = "", **columns: Any
) -> dict[str, Any]:
    """Begin the next version of a locked action; every column that has to be written.

    `columns` are those that differ from the version before; number, nonce and digest come by
    themselves. The instance takes the values on, because the digest is computed over them.
    """
    asked = binding.requirement_of(action)
    _keep_first(action)
    action.approvals.filter(void_at=None).update(void_at=Now())
    columns |= {"version": action.version + 1, "nonce": secrets.token_hex(16)}
    # What was tried for another version is none of the tries that this one has.
    columns["turns"] = action.attempts
    for name, value in columns.items():
        setattr(action, name, value)
    if requirement := columns.get("requirement"):
        wanted = Requirement.from_dict(requirement)
        if not set(wanted.escalate_to) <= set(asked.escalate_to):
            # It never went to these: they decide when their time has come, not at once.
            columns["escalated_at"] = action.escalated_at = None
        columns |= _ladder_of(action, wanted)
    columns["digest"] = action.digest = binding.digest_of(action)
    _keep(action, origin=origin, by=by, comment=comment)
    if "target" in columns:
        targets.follow(action)
    return columns


def return_to_review(
    action: Action,
    requirement: Requirement,
    *,
    origin: Origin = Origin.RETURNED,
    by: User | None = None,
    comment: str = "",
    **columns: Any,
) -> None:
    """Back to a person under this requirement, as a new version whose deadline begins afresh."""
    columns = begin(
        action, origin=origin, by=by, comment=comment, requirement=requirement.as_dict(),
        **columns,
    )  # fmt: skip
    columns |= ladder.waiting(requirement, database_now())
    move(action, ActionStatus.PENDING, due_at=None, approved_at=None, execute_by=None, **columns)
    spending.follow(action)


def as_of(version: ActionVersion) -> Action:
    """The action as it was in this version, not to be saved: its digest follows from it again."""
    action = copy.copy(version.action)
    action.version = version.number
    for name in KEPT:
        setattr(action, name, getattr(version, name))
    return action


def _ladder_of(action: Action, requirement: Requirement) -> dict[str, Any]:
    """Reminder and escalation of an action that goes on waiting, under this requirement."""
    return ladder.changed(
        requirement, now=database_now(), decide_by=action.decide_by,
        reminded_at=action.reminded_at, escalated_at=action.escalated_at,
    )  # fmt: skip


def _keep_first(action: Action) -> None:
    if action.version == 1:
        _keep(action, origin=Origin.PROPOSED, comment=action.agent_reason)


def _keep(
    action: Action, *, origin: Origin, by: User | None = None, comment: str = ""
) -> ActionVersion:
    made_at = action.created_at if origin == Origin.PROPOSED else timezone.now()
    kept = {name: getattr(action, name) for name in KEPT}
    return ActionVersion.objects.create(
        action=action, number=action.version, origin=origin, made_by=by, made_at=made_at,
        comment=comment, **kept,
    )  # fmt: skip
