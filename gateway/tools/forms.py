"""Filters of the tools page."""

from typing import Any

from django import forms
from django.db.models import Q

from gateway.tools.models import Risk, SideEffect


class ToolFilter(forms.Form):
    """Name or description, class, risk; empty fields do not narrow."""

    q = forms.CharField(required=False, label="Search name or description")
    side_effect = forms.ChoiceField(
        required=False, choices=[("", "Any class"), *SideEffect.choices], label="Class"
    )
    risk = forms.ChoiceField(
        required=False, choices=[("", "Any risk"), *Risk.choices], label="Risk"
    )

    def narrow(self, tools: Any) -> Any:
        """The tools that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return tools.none()
        chosen = self.cleaned_data
        if chosen["q"]:
            text = chosen["q"]
            tools = tools.filter(Q(name__icontains=text) | Q(current__description__icontains=text))
        for name in ("side_effect", "risk"):
            if chosen[name]:
                tools = tools.filter(**{f"current__{name}": chosen[name]})
        return tools
