"""What the pages of a replay of many events hand on to each other."""

from django import forms
from django.utils.translation import gettext

from gateway.lib import ids
from webhooks.models import Event


class BulkForm(forms.Form):
    """How far a replay of many events is, as its page hands it on from step to step."""

    total = forms.IntegerField(min_value=1)
    ordered = forms.IntegerField(min_value=0)
    refused = forms.IntegerField(min_value=0)
    until = forms.CharField(max_length=40)
    after = forms.CharField(max_length=40, required=False)

    def clean_until(self) -> str:
        """An event's id."""
        return _event_id(self.cleaned_data["until"])

    def clean_after(self) -> str:
        """An event's id, or nothing at the beginning."""
        text: str = self.cleaned_data["after"]
        return _event_id(text) if text else ""


def _event_id(text: str) -> str:
    try:
        ids.decode(Event.PREFIX, text)
    except ids.BadId as error:
        raise forms.ValidationError(gettext("It is no event's id.")) from error
    return text
