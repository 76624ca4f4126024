"""One decision on several actions: what is said to all of them."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.forms import MAX_TEXT, RejectForm
from approvals.forms.care import SnoozeForm, assignees
from gateway.tenants.models import Environment


class BulkRejectForm(RejectForm):
    """One reason for all; each action's own digest comes beside it."""

    digest = None  # type: ignore[assignment] # Django's way to leave out an inherited field


class BulkSnoozeForm(SnoozeForm):
    """One time for all."""


class BulkAssignForm(forms.Form):
    """One person or group for all; where they may not decide one of them, that one is left."""

    to = forms.ChoiceField(
        required=False,
        label=_("Who should decide them?"),
        help_text=_("Everybody who can decide them now still can."),
    )

    def __init__(self, *args: Any, environment: Environment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].choices = assignees(services.deciders_of(environment))  # type: ignore[attr-defined]


class BulkApproveForm(forms.Form):
    """The number typed: nobody approves twenty by a slip of the hand."""

    count = forms.IntegerField(
        label=_("How many do you approve?"),
        help_text=_("Type the number of actions in the table."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    comment = forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        label=_("Comment"),
        help_text=_("Kept with each action."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = count

    def clean_count(self) -> int:
        """The number that stands on the page."""
        typed = int(self.cleaned_data["count"])
        if typed != self.expected:
            raise forms.ValidationError(
                gettext("You typed {typed}; the table has {expected}.").format(
                    typed=typed, expected=self.expected
                )
            )
        return typed
