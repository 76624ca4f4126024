"""Filters of the tools page."""

from typing import Any

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from gateway.tools.documents import MAX_DOCUMENT_BYTES
from gateway.tools.models import Risk, SideEffect, Upstream

STATES = (
    ("", _("On or off")),
    ("on", _("On")),
    ("off", _("Off")),
    ("doubt", _("Definition changed upstream")),
)


class ToolFilter(forms.Form):
    """Name or description, class, risk; empty fields do not narrow."""

    q = forms.CharField(required=False, label=_("Search name or description"))
    side_effect = forms.ChoiceField(
        required=False, choices=[("", _("Any class")), *SideEffect.choices], label=_("Class")
    )
    risk = forms.ChoiceField(
        required=False, choices=[("", _("Any risk")), *Risk.choices], label=_("Risk")
    )

    state = forms.ChoiceField(required=False, choices=STATES, label=_("State"))

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
        if chosen["state"] == "doubt":
            tools = tools.filter(drifted_at__isnull=False)
        elif chosen["state"]:
            tools = tools.filter(is_enabled=chosen["state"] == "on")
        return tools


class ImportForm(forms.Form):
    """A document that describes operations, pasted; nothing is fetched."""

    kind = forms.ChoiceField(choices=Upstream.Kind.choices, label=_("What it is"))
    name = forms.SlugField(
        max_length=40, label=_("Name"), help_text=_("The tools are called name.operation.")
    )
    server = forms.CharField(
        required=False, max_length=300, label=_("Server"),
        help_text=_("Where requests go, such as https://api.example.com/v1. Empty: as the document "
        "says. An MCP server's list needs none."),
    )  # fmt: skip
    document = forms.CharField(
        max_length=MAX_DOCUMENT_BYTES, strip=False, label=_("Document"),
        help_text=_("JSON or YAML; of an MCP server the answer to tools/list."),
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false"}),
    )  # fmt: skip
