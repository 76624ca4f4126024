"""Filters of the runs page."""

from typing import Any

from django import forms
from django.db.models import Q

from gateway.lib import ids
from gateway.runs.states import RunStatus

STATUSES = (("", "Any state"), *RunStatus.choices)


class RunFilter(forms.Form):
    """Task or id, state, agent; empty fields do not narrow."""

    q = forms.CharField(required=False, label="Search task or id")
    status = forms.ChoiceField(required=False, choices=STATUSES, label="State")
    agent = forms.CharField(
        required=False, label="Agent", widget=forms.TextInput(attrs={"placeholder": "Agent"})
    )

    def narrow(self, runs: Any) -> Any:
        """The runs that fit; a value that cannot be fits nothing."""
        if not self.is_valid():
            return runs.none()
        chosen = self.cleaned_data
        if chosen["q"]:
            runs = runs.filter(_matches(chosen["q"].strip()))
        if chosen["status"]:
            runs = runs.filter(status=chosen["status"])
        if chosen["agent"]:
            runs = runs.filter(agent__slug=chosen["agent"])
        return runs


def _matches(text: str) -> Q:
    found = Q(task__icontains=text) | Q(provider_run_id=text)
    try:
        return found | Q(pk=ids.decode("run", text))
    except ids.BadId:
        return found
