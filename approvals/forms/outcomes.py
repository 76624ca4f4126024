"""What people post about an outcome: what they saw, why it may run again, why it is undone."""

from django import forms
from django.utils.translation import gettext_lazy as _

MAX_TEXT = 4000
MAX_SIGNED = 16_384


class ReconcileForm(forms.Form):
    """What became of it, and how one knows."""

    outcome = forms.ChoiceField(
        choices=(("succeeded", _("It happened")), ("failed", _("It did not happen"))),
        label=_("What became of it"),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    evidence = forms.CharField(
        max_length=MAX_TEXT,
        label=_("What you saw at the service"),
        help_text=_("Kept as evidence, and told to the agent as the outcome's reason."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ProvingForm(forms.Form):
    """What somebody's passkey signed, where the action asks for it."""

    assertion = forms.CharField(required=False, max_length=MAX_SIGNED, widget=forms.HiddenInput)


class RunAgainForm(ProvingForm):
    """Why it may be sent once more."""

    reason = forms.CharField(
        max_length=MAX_TEXT,
        label=_("What you saw at the service, and why it may be sent again"),
        help_text=_("A second person reads it before anything is sent."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ConfirmAgainForm(ProvingForm):
    """The order that is confirmed."""

    order = forms.CharField(max_length=40, widget=forms.HiddenInput)


class CompensateForm(forms.Form):
    """Why it is undone."""

    reason = forms.CharField(
        max_length=MAX_TEXT,
        required=False,
        label=_("Why"),
        help_text=_("Whoever decides it reads this."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )
