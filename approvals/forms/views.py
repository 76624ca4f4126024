"""What a person gives to save a view of the inbox."""

from django import forms
from django.utils.translation import gettext_lazy as _

from approvals.models.views import NAME_LENGTH


class SaveViewForm(forms.Form):
    """A name, and whether everybody here gets the view."""

    name = forms.CharField(max_length=NAME_LENGTH, label=_("Name"))
    is_shared = forms.BooleanField(required=False, label=_("Share it with everybody here"))
