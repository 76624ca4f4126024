"""A stored action judged anew becomes a new version of itself, or ends: one road for every cause.

The votes that were given to the old version are void in any case. Nobody is asked where nobody was
before and the rules of now ask nobody either.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db.models.functions import Now

from approvals.models import Action, ActionVersion
from approvals.requirement import Requirement, stricter_of
from approvals.services import binding, spending, trail, versions
from approvals.services.locking import touch
from approvals.services.proposing import RECORDED_AS
from approvals.services.rejudging import columns_of
from approvals.states import ActionStatus
from audit.actions import AuditAction
from gateway.budgets.services import Exceeded
from gateway.lib.states import move


@dataclass(frozen=True)
class Because:
    """Why it is judged anew: a sentence without its full stop, and how the record names it."""

    origin: ActionVersion.Origin
    code: str
    reason: str
    recorded_as: AuditAction
    meta: dict[str, Any] = field(default_factory=dict)
    # What else the row says of it, such as why people are asked again.
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def way(self) -> dict[str, Any]:
        """How the new version tells where it comes from."""
        return {"origin": self.origin, "comment": f"{self.reason}.", **self.columns}


def apply(action: Action, found: Action, because: Because) -> None:
    """Make of the locked action what `found`, a copy as the gate would let it in now, is."""
    if found.status not in {ActionStatus.PENDING, ActionStatus.APPROVED}:
        _end(action, found, because)
        return
    before, no_room = action.status, None
    if action.requirement is None and found.status == ActionStatus.APPROVED:
        # Nobody was asked before, and nobody is now: it goes on, bound to what holds now.
        touch(
            action, **versions.begin(action, requirement=None, **because.way, **columns_of(found))
        )
        no_room = _no_room(action)
    else:
        _ask_again(action, found, because)
    trail.record(
        action, because.recorded_as, before=before, reason=because.code,
        meta={**because.meta, "rule": action.rule},
    )  # fmt: skip
    if no_room is not None:
        _deny(action, no_room, because)


def _no_room(action: Action) -> Exceeded | None:
    """Set aside what it takes of budgets now; why there is no room, where there is none."""
    try:
        spending.set_aside(action)
    except Exceeded as error:
        return error
    return None


def _deny(action: Action, no_room: Exceeded, because: Because) -> None:
    """One that fits no budget any more ends; left as it is, it would stop those behind it."""
    before = action.status
    reason = f"{because.reason} while the action waited. {no_room.detail}"
    move(
        action, ActionStatus.DENIED, code=no_room.code, reason=reason, refusal=no_room.extra,
        settled_at=Now(), due_at=None,
    )  # fmt: skip
    spending.follow(action)
    trail.record(action, AuditAction.ACTION_DENIED, before=before, reason=no_room.code)


def _ask_again(action: Action, found: Action, because: Because) -> None:
    """Whoever was asked stays asked, with what is asked for now beside it."""
    requirement = _requirement(action, found)
    if action.status == ActionStatus.APPROVED:
        versions.return_to_review(action, requirement, **because.way, **columns_of(found))
        return
    wanted = requirement.as_dict()
    touch(action, **versions.begin(action, requirement=wanted, **because.way, **columns_of(found)))


def _requirement(action: Action, found: Action) -> Requirement:
    now, before = binding.requirement_of(found), binding.requirement_of(action)
    if found.requirement is None or action.requirement is None:
        return before if found.requirement is None else now
    return stricter_of(now, before)


def _end(action: Action, found: Action, because: Because) -> None:
    before = action.status
    reason = f"{because.reason} while the action waited. {found.reason}"
    if found.status == ActionStatus.INVALID and before == ActionStatus.APPROVED:
        # Approved actions leave by way of review, so that their votes are void in the record, too.
        versions.return_to_review(
            action, binding.requirement_of(action), comment=f"{because.reason}."
        )
        trail.record(action, AuditAction.ACTION_RETURNED, before=before, reason=because.code)
        before = action.status
    move(
        action, found.status, code=found.code, reason=reason, refusal=found.refusal,
        settled_at=Now(), due_at=None,
    )  # fmt: skip
    spending.follow(action)
    trail.record(
        action, RECORDED_AS[ActionStatus(found.status)], before=before, reason=because.code
    )
