"""What an action would change moved, or cannot be read any more, since it was decided.

What people approved goes back to people, with the new comparison and without their votes. What
rules allowed is judged again by the rules. A change of what the tool calls immaterial is none.
"""

from dataclasses import dataclass
from typing import Any

from approvals.models import Action, ActionVersion
from approvals.policy import engine
from approvals.requirement import Requirement
from approvals.services import afresh, binding, spending, trail, versions
from approvals.services.afresh import Because
from approvals.services.checking import check
from approvals.services.previewing import Preview
from approvals.services.rejudging import judged, wish_of
from approvals.services.wishes import Wish, read_arguments
from audit.actions import AuditAction

DRIFTED, UNREADABLE = "target_drifted", "state_unreadable"


@dataclass(frozen=True)
class Anew:
    """The call as it is asked again, and the state that was read for it."""

    wish: Wish
    preview: Preview | None


def asked_anew(action: Action, preview: Preview | None) -> Anew:
    """The call once more through the gate's checks; asked before any row is locked."""
    wish = wish_of(action, action.arguments_value)
    read_arguments(wish)
    check(wish)
    return Anew(wish, preview)


def follow(action: Action, again: Anew, *, detail: str) -> None:
    """Make a new version of the locked, approved action that is bound to the state of now."""
    spending.give_back(action)
    afresh.apply(action, judged(action, again.wish, again.preview), _because(DRIFTED, detail))


def ask_people(action: Action, *, detail: str) -> None:
    """Back to people where the state could not be read again, often enough: they see that."""
    before = action.status
    because = _because(UNREADABLE, detail)
    # What they approve then is a call whose state nobody knows: nothing can have moved.
    versions.return_to_review(
        action, _asked(action), preview_error=detail[:300], previewed_at=None, before=None,
        after=None, **because.way,
    )  # fmt: skip
    trail.record(action, because.recorded_as, before=before, reason=because.code)


def _because(code: str, detail: str) -> Because:
    told: dict[str, Any] = {"code": code, "reason": detail}
    return Because(
        ActionVersion.Origin.DRIFTED, code, detail.rstrip("."), AuditAction.ACTION_DRIFTED,
        columns=told,
    )  # fmt: skip


def _asked(action: Action) -> Requirement:
    """Those who were asked; where rules had allowed it, whom they would ask at the least."""
    if action.requirement:
        return binding.requirement_of(action)
    return engine.evaluate((), action.facts).floor
