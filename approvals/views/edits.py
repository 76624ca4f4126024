"""What a reviewer made of an action: the agent's arguments beside those that would run."""

from dataclasses import dataclass
from datetime import datetime

from approvals import services
from approvals.models import Action, ActionVersion
from approvals.views.changes import ChangeRow, rows_of


@dataclass(frozen=True)
class Edits:
    """Who edited last, why, and every place that differs from what the agent asked."""

    who: str
    at: datetime
    comment: str
    changes: list[ChangeRow]


def edits_of(action: Action) -> Edits | None:
    """The edits; None while it is as the agent asked, or is so again."""
    if not action.has_other_arguments:
        return None
    kept = list(action.versions.select_related("made_by", "tool_version"))
    last = next(v for v in reversed(kept) if v.origin == ActionVersion.Origin.EDITED)
    changes = rows_of(services.shown_arguments(kept[0]), services.shown_arguments(action))
    return Edits(str(last.made_by), last.made_at, last.comment, changes)
