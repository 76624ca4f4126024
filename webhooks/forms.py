"""Filters of the events and sources pages."""

from typing import Any

from django import forms
from django.db.models import Q

from gateway.lib import ids
from webhooks.states import EventStatus

STATUSES = (("", "Any state"), *EventStatus.choices)


class EventFilter(forms.Form):
    """Id or type, source, state; empty fields do not narrow."""

    q = forms.CharField(required=False, label="Search id or type")
    source = forms.CharField(
        required=False, label="Source", widget=forms.TextInput(attrs={"placeholder": "Source"})
    )
    status = forms.ChoiceField(required=False, choices=STATUSES, label="State")

    def narrow(self, events: Any) -> Any:
        """The events that fit; a value that cannot be fits nothing."""
        if not self.is_valid():
            return events.none()
        chosen = self.cleaned_data
        if chosen["q"]:
            events = events.filter(_matches(chosen["q"].strip()))
        if chosen["source"]:
            events = events.filter(source__slug=chosen["source"])
        if chosen["status"]:
            events = events.filter(status=chosen["status"])
        return events


class SourceFilter(forms.Form):
    """Slug, name or scheme."""

    q = forms.CharField(required=False, label="Search name or scheme")

    def narrow(self, sources: Any) -> Any:
        """The sources that fit."""
        if not self.is_valid():
            return sources.none()
        if text := self.cleaned_data["q"].strip():
            fits = Q(slug__icontains=text) | Q(name__icontains=text) | Q(scheme__icontains=text)
            sources = sources.filter(fits)
        return sources


def _matches(text: str) -> Q:
    found = Q(event_id=text) | Q(event_type__icontains=text)
    try:
        return found | Q(pk=ids.decode("evt", text))
    except ids.BadId:
        return found
