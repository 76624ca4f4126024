"""Undoing what succeeded: another action, proposed by a person and judged like any other."""

import copy
from typing import Any

from django.db import IntegrityError

from approvals.models import Action
from approvals.redact import has_mask
from approvals.services.definitions import definition_of
from approvals.services.proposing import propose
from approvals.states import OPEN, ActionStatus
from gateway.agents import services as agents
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants.principals import Principal

MAY_PROPOSE = (
    "approvals.propose_action", "approvals.decide_action", "approvals.reconcile_action",
)  # fmt: skip
RESULT = "result"


def compensate(*, action: Action, by: Principal, reason: str = "") -> Action:
    """Propose the undoing of an action; the new action, as the gate let it in.

    Whoever may decide, reconcile or propose here; the gate asks others than them. Raises Denied,
    Refused (nothing declared), StaleState (nothing to undo), Conflict where it is being undone.
    """
    check_can_be_undone(action, by)
    try:
        return propose(
            environment=action.environment, agent=agents.agent_of_principal(by),
            tool_name=action.tool_name, arguments=_arguments(action), requester=by,
            reason=reason, undoes=action,
        )  # fmt: skip
    except IntegrityError as error:
        raise _conflict(action) from error


def check_can_be_undone(action: Action, by: Principal) -> None:
    """Raises as `compensate` does."""
    if not by.is_member or not any(map(by.has, MAY_PROPOSE)):
        raise Denied("not_permitted", "Your roles do not let you propose to undo this.")
    if action.status != ActionStatus.SUCCEEDED:
        raise StaleState("Only what succeeded can be undone.", status=action.status)
    if action.pruned_at is not None:
        raise Refused("pruned", "What was asked has been removed: there is nothing to undo it by.")
    if action.undoes_id or not definition_of(action).compensate:
        raise Refused("no_undo", f"The tool {action.tool_name} declares no way to undo it.")
    if undone_by(action) is not None:
        raise _conflict(action)


def undone_by(action: Action) -> Action | None:
    """The action that undoes it, or is about to; None while nobody tries, or where that failed."""
    found = action.undone_by.filter(status__in=[*OPEN, ActionStatus.SUCCEEDED])
    return found.for_lists().order_by("-id").first()


def _conflict(action: Action) -> Conflict:
    other = undone_by(action)
    return Conflict(
        "being_undone", "It is being undone already, or was.",
        action=other.public_id if other else None,
    )  # fmt: skip


def _arguments(action: Action) -> dict[str, Any]:
    """The arguments of the call and what it gave; what was masked of that is not known any more."""
    arguments = copy.deepcopy(action.arguments_value) or {}
    known = None if _is_hidden(action.result) else _known(action.result)
    if action.code != "reconciled" and known is not None:
        arguments[RESULT] = known
    return dict(arguments)


def _known(value: Any) -> Any:
    """The value without members that hold a mask in the place of a secret."""
    if isinstance(value, dict):
        return {name: _known(inner) for name, inner in value.items() if not _is_hidden(inner)}
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    return value


def _is_hidden(value: Any) -> bool:
    return not isinstance(value, dict | list) and has_mask(value)
