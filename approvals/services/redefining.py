"""When a tool's definition changes, what waits or is approved under the old one is judged again.

Nothing is decided or carried out under a definition that is not the tool's present one. An action
that still fits becomes a new version of itself, without the votes that were given to the old one;
what does not fit any more is invalid, and the agent learns that it is not at fault.
"""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from approvals.models import Action, ActionVersion
from approvals.services import afresh, spending
from approvals.services.afresh import Because
from approvals.services.checking import check
from approvals.services.locking import lock
from approvals.services.proposing import look
from approvals.services.rejudging import judged, wish_of
from approvals.services.wishes import read_arguments
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.lib.work import FREE

CHUNK = 200
REASON = "The tool's definition changed"
CODE = "definition_changed"


# What is open and not begun, and by which partial index its rows are found.
NOT_BEGUN = {ActionStatus.PENDING: "decide_by", ActionStatus.APPROVED: "execute_by"}


def behind() -> QuerySet[Any]:
    """Open actions, not begun, that were judged under a definition that is not the present one."""
    return _behind().filter(status__in=list(NOT_BEGUN)).order_by("id")


def tools_behind(limit: int) -> set[uuid.UUID]:
    """The tools of such actions; so many actions of each status are looked at."""
    found: set[uuid.UUID] = set()
    for status, order in NOT_BEGUN.items():
        rows = _behind().filter(status=status).order_by(order)
        found.update(rows.values_list("tool_version__tool", flat=True)[:limit])
    return found


def _behind() -> QuerySet[Any]:
    return Action.objects.filter(
        FREE,
        tool_version__tool__is_enabled=True,
        # What may have happened is never judged anew: its claim says what is wrong with it.
        reopened_at=None,
    ).exclude(tool_version__tool__current=F("tool_version"))


def is_behind(action: Action) -> bool:
    """Whether the tool has another definition now than the action was judged under."""
    version = action.tool_version
    return version is not None and version.tool.current_id != version.pk


def _waits(action: Action) -> bool:
    """Whether anything may still come of it; what ended meanwhile stays as it ended."""
    is_free = action.lease_until is None and action.reopened_at is None
    return action.status in NOT_BEGUN and is_free


def follow_tool(tool_pk: str) -> int:
    """Judge again what is open under older definitions of this tool; how many actions it was."""
    waiting = behind().filter(tool_version__tool=tool_pk)
    found = list(waiting.values_list("pk", flat=True)[:CHUNK])
    for pk in found:
        follow(Action(pk=pk))
    return len(found)


def follow(action: Action) -> Action:
    """Judge one action again under its tool's present definition.

    The present state is read before the row is locked; whatever a person or another worker changed
    meanwhile wins, and the sweep comes back.
    """
    seen = Action.objects.select_related(
        "environment__tenant", "agent__owner__user", "tool_version__tool"
    ).get(pk=action.pk)
    wish = wish_of(seen, seen.arguments_value)
    read_arguments(wish)
    check(wish)
    preview = look(wish)
    with transaction.atomic():
        locked = lock(seen)
        if locked.row_version == seen.row_version and _waits(locked) and is_behind(locked):
            if locked.status == ActionStatus.APPROVED:
                spending.give_back(locked)
            was = locked.tool_version
            meta = {"from_definition": was.number if was else None}
            because = Because(
                ActionVersion.Origin.REDEFINED, CODE, REASON, AuditAction.ACTION_REDEFINED, meta
            )
            afresh.apply(locked, judged(locked, wish, preview), because)
    return locked
