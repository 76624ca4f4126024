"""What a person gives to save a view of the inbox."""

from django import forms

from approvals.models.views import NAME_LENGTH


class SaveViewForm(forms.Form):
    """A name, and whether everybody here gets the view."""

    name = forms.CharField(max_length=NAME_LENGTH, label="Name")
    is_shared = forms.BooleanField(required=False, label="Share it with everybody here")
