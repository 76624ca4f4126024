"""The form in which a person chooses the desk's single keys."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gateway.tenants import keys
from gateway.tenants.models import User

WORDS = {
    "next": _("Next action"),
    "previous": _("Previous action"),
    "open": _("Open it"),
    "approve": _("Approve"),
    "reject": _("Reject"),
    "edit": _("Edit before approving"),
    "comment": _("Comment or ask the agent"),
    "snooze": _("Snooze"),
    "undo": _("Undo within the hold"),
    "select": _("Tick; with Shift all from the last one ticked"),
    "diff": _("Changes inline or side by side"),
    "fold": _("Unfold and fold what is folded"),
    "previous_tab": _("Previous tab"),
    "next_tab": _("Next tab"),
    "search": _("Search this list"),
    "go": _("Go to, followed by a page's letter"),
    "sheet": _("Show the keys"),
}
FAULTS = {
    "long": _("One character, or nothing."),
    "blank": _("Choose a character that can be seen."),
    "shift": _("Choose a letter without Shift."),
    "taken": _("Another command has this key."),
}


class KeysForm(forms.Form):
    """One key for each command; an empty one turns the command's key off."""

    def __init__(self, *args: Any, user: User, **kw: Any) -> None:
        super().__init__(*args, **kw)
        present = keys.keymap(user.keys)
        for name, words in WORDS.items():
            self.fields[name] = forms.CharField(
                required=False,
                label=words,
                initial=present[name],
                strip=False,
                widget=forms.TextInput(
                    attrs={
                        "maxlength": 1, "size": 2, "autocomplete": "off", "autocapitalize": "none",
                        "spellcheck": "false", "class": "form-control cs-key",
                    }
                ),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """Every key must be one, and no two commands may share it."""
        data = super().clean() or self.cleaned_data
        for name, fault in keys.faults(data).items():
            self.add_error(name, FAULTS[fault])
        return data

    @property
    def stored(self) -> str:
        """The choice as it is kept."""
        return keys.stored(self.cleaned_data)
