"""The diff of the card: before and after, or this call beside the last one on the same target."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import diff
from approvals.models import Action
from approvals.services.masking import masked, sensitive_of, shown, shown_arguments
from approvals.states import ActionStatus

GLYPHS = {"added": "+", "removed": "−", "changed": "~", "type_changed": "~", "moved": "↕"}
WORDS = {
    "added": _("added"),
    "removed": _("removed"),
    "changed": _("changed"),
    "moved": _("moved"),
    "type_changed": _("changed in kind"),
}


@dataclass(frozen=True)
class ChangeRow:
    """One changed place, with a glyph and a word beside the colour."""

    kind: str
    path: str
    before: Any
    after: Any

    @property
    def glyph(self) -> str:
        """The sign of the kind of change."""
        return GLYPHS.get(self.kind, "~")

    @property
    def word(self) -> str:
        """The kind of change in words."""
        return str(WORDS.get(self.kind, self.kind))

    @property
    def words(self) -> Any:
        """Marks for the words that changed, where both sides are texts of several words."""
        both = (self.before, self.after)
        if self.kind != "changed" or not all(
            isinstance(text, str) and " " in text for text in both
        ):
            return ()
        return diff.words(self.before, self.after)


def changes_of(action: Action) -> tuple[str, list[ChangeRow]]:
    """The rows, and a sentence that says what is compared with what."""
    if action.before is not None or action.after is not None:
        sentence = gettext("The target as read when this was proposed, and after this action")
        # Compared first and masked then: two values with one mask differ all the same.
        found = rows_of(_side(action.before), _side(action.after))
        return sentence, [_shown(action, row) for row in found]
    last = _last_on_target(action)
    if last is not None:
        sentence = gettext(
            "Arguments of {public_id}, the last on the same target, and of this action"
        ).format(public_id=last.public_id)
        before = masked(last.arguments_value, sensitive_of(action))
        return sentence, rows_of(before, shown_arguments(action))
    sentence = gettext("Nothing to compare with: every argument counts as added")
    return sentence, rows_of({}, shown_arguments(action) or {})


def _shown(action: Action, row: ChangeRow) -> ChangeRow:
    path, before, after = (shown(action, part) for part in (row.path, row.before, row.after))
    return ChangeRow(row.kind, path, before, after)


def _side(value: Any) -> Any:
    return diff.ABSENT if value is None else value


def rows_of(before: Any, after: Any) -> list[ChangeRow]:
    """Each place at which two documents differ."""
    found = diff.compare(before, after)
    return [ChangeRow(str(c.kind), c.path or "/", c.before, c.after) for c in found]


def _last_on_target(action: Action) -> Action | None:
    if not action.target or action.tool_version is None:
        return None
    earlier = Action.objects.within(action.environment).filter(
        tool_name=action.tool_name, status=ActionStatus.SUCCEEDED, pk__lt=action.pk
    )
    return next((a for a in earlier.order_by("-id")[:50] if a.target == action.target), None)
