"""Forms of a source's secrets: rotate, add."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

OVERLAPS = ((3600, _("1 hour")), (86_400, _("24 hours")), (604_800, _("7 days")))
DEFAULT_OVERLAP_S = 86_400


def _secret(*, required: bool, can_make: bool) -> forms.CharField:
    widget: Any = forms.PasswordInput(attrs={"autocomplete": "off"})
    if not can_make:
        widget = forms.Textarea(attrs={"rows": 3})
    return forms.CharField(required=required, max_length=1000, widget=widget)


class RotateForm(forms.Form):
    """A new secret, and how long the old ones count on."""

    overlap = forms.TypedChoiceField(
        choices=OVERLAPS,
        coerce=int,
        initial=DEFAULT_OVERLAP_S,
        label=_("The old ones count on for"),
    )

    def __init__(self, *args: Any, can_make: bool, **kw: Any) -> None:
        super().__init__(*args, **kw)
        field = _secret(required=not can_make, can_make=can_make)
        field.label = gettext("New secret") if can_make else gettext("New secret or public key")
        field.help_text = (
            gettext("Leave it empty to make one here; it is shown once.") if can_make else ""
        )  # fmt: skip
        self.fields["secret"] = field
        self.order_fields(["secret", "overlap"])

    @property
    def length(self) -> timedelta:
        """How long both count."""
        return timedelta(seconds=self.cleaned_data["overlap"])


class SecretForm(forms.Form):
    """One more secret, and when it counts."""

    not_before = forms.DateTimeField(
        required=False,
        label=_("Counts from"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    not_after = forms.DateTimeField(
        required=False,
        label=_("Counts until"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )

    def __init__(self, *args: Any, can_make: bool, **kw: Any) -> None:
        super().__init__(*args, **kw)
        field = _secret(required=True, can_make=can_make)
        field.label = gettext("Secret") if can_make else gettext("Secret or public key")
        self.fields["secret"] = field
        self.order_fields(["secret", "not_before", "not_after"])
