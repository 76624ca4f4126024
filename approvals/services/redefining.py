"""When a tool's definition changes, what waits or is approved under the old one is judged again.

Nothing is decided or carried out under a definition that is not the tool's present one. An action
that still fits becomes a new version of itself, without the votes that were given to the old one;
what does not fit any more is invalid, and the agent learns that it is not at fault.
"""

from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from approvals.models import Action, ActionVersion
from approvals.requirement import Requirement, stricter_of
from approvals.services import binding, spending, trail, versions
from approvals.services.checking import check
from approvals.services.locking import lock, touch
from approvals.services.proposing import RECORDED_AS, look
from approvals.services.rejudging import columns_of, judged, wish_of
from approvals.services.wishes import read_arguments
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.budgets.services import Exceeded
from gateway.lib.states import move
from gateway.lib.work import FREE

CHUNK = 200
REASON = "The tool's definition changed"
CODE = "definition_changed"
WAY: dict[str, Any] = {"origin": ActionVersion.Origin.REDEFINED, "comment": f"{REASON}."}


def behind() -> QuerySet[Any]:
    """Open actions, not begun, that were judged under a definition that is not the present one."""
    return (
        Action.objects.filter(
            FREE,
            status__in=[ActionStatus.PENDING, ActionStatus.APPROVED],
            tool_version__tool__is_enabled=True,
        )
        .exclude(tool_version__tool__current=F("tool_version"))
        .order_by("id")
    )


def is_behind(action: Action) -> bool:
    """Whether the tool has another definition now than the action was judged under."""
    version = action.tool_version
    return version is not None and version.tool.current_id != version.pk


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
        "environment__tenant", "agent__owner__user", "tool_version__tool", "requester_owner"
    ).get(pk=action.pk)
    wish = wish_of(seen, seen.arguments_value)
    read_arguments(wish)
    check(wish)
    preview = look(wish)
    with transaction.atomic():
        locked = lock(seen)
        if locked.row_version == seen.row_version and is_behind(locked):
            if locked.status == ActionStatus.APPROVED:
                spending.give_back(locked)
            _apply(locked, judged(locked, wish, preview))
    return locked


def _apply(action: Action, found: Action) -> None:
    if found.status not in {ActionStatus.PENDING, ActionStatus.APPROVED}:
        _end(action, found)
        return
    before, was, no_room = action.status, action.tool_version, None
    if action.requirement is None and found.status == ActionStatus.APPROVED:
        # Nobody was asked before, and nobody is now: it goes on, bound to the new definition.
        touch(action, **versions.begin(action, requirement=None, **WAY, **columns_of(found)))
        no_room = _no_room(action)
    else:
        _ask_again(action, found)
    trail.record(
        action, AuditAction.ACTION_REDEFINED, before=before, reason=CODE,
        meta={"from_definition": was.number if was else None, "rule": action.rule},
    )  # fmt: skip
    if no_room is not None:
        _deny(action, no_room)


def _no_room(action: Action) -> Exceeded | None:
    """Set aside what it takes of budgets now; why there is no room, where there is none."""
    try:
        spending.set_aside(action)
    except Exceeded as error:
        return error
    return None


def _deny(action: Action, no_room: Exceeded) -> None:
    """One that fits no budget any more ends; left as it is, it would stop those behind it."""
    before = action.status
    reason = f"{REASON} while the action waited. {no_room.detail}"
    move(
        action, ActionStatus.DENIED, code=no_room.code, reason=reason, refusal=no_room.extra,
        settled_at=Now(), due_at=None,
    )  # fmt: skip
    spending.follow(action)
    trail.record(action, AuditAction.ACTION_DENIED, before=before, reason=no_room.code)


def _ask_again(action: Action, found: Action) -> None:
    """Whoever was asked stays asked, with what the definition of now asks for beside it."""
    requirement = _requirement(action, found)
    if action.status == ActionStatus.APPROVED:
        versions.return_to_review(action, requirement, **WAY, **columns_of(found))
        return
    wanted = requirement.as_dict()
    touch(action, **versions.begin(action, requirement=wanted, **WAY, **columns_of(found)))


def _requirement(action: Action, found: Action) -> Requirement:
    now, before = binding.requirement_of(found), binding.requirement_of(action)
    if found.requirement is None or action.requirement is None:
        return before if found.requirement is None else now
    return stricter_of(now, before)


def _end(action: Action, found: Action) -> None:
    before = action.status
    reason = f"{REASON} while the action waited. {found.reason}"
    if found.status == ActionStatus.INVALID and before == ActionStatus.APPROVED:
        # Approved actions leave by way of review, so that their votes are void in the record, too.
        versions.return_to_review(action, binding.requirement_of(action), comment=f"{REASON}.")
        trail.record(action, AuditAction.ACTION_RETURNED, before=before, reason=CODE)
        before = action.status
    move(
        action, found.status, code=found.code, reason=reason, refusal=found.refusal,
        settled_at=Now(), due_at=None,
    )  # fmt: skip
    spending.follow(action)
    trail.record(action, RECORDED_AS[ActionStatus(found.status)], before=before, reason=CODE)
