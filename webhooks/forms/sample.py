"""The body of a test event, as somebody may have changed it."""

from django import forms
from django.utils.translation import gettext_lazy as _


class SampleForm(forms.Form):
    """A body in which marks stand for what differs each time."""

    body = forms.CharField(
        required=False,
        max_length=262_144,
        label=_("Body"),
        widget=forms.Textarea(attrs={"rows": 16, "class": "cs-cel", "spellcheck": "false"}),
        help_text=_("$id becomes the event's id, $n a fresh number; $s, $ms and $iso the time."),
    )
