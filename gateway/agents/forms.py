"""Filters of the agents page."""

from typing import Any

from django import forms
from django.db.models import Q

STATES = (("", "On or off"), ("on", "On"), ("off", "Off"))


class AgentFilter(forms.Form):
    """Name or slug, on or off; empty fields do not narrow."""

    q = forms.CharField(required=False, label="Search name")
    state = forms.ChoiceField(required=False, choices=STATES, label="State")

    def narrow(self, agents: Any) -> Any:
        """The agents that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return agents.none()
        if text := self.cleaned_data["q"]:
            agents = agents.filter(Q(name__icontains=text) | Q(slug__icontains=text))
        if state := self.cleaned_data["state"]:
            agents = agents.filter(is_enabled=state == "on")
        return agents
