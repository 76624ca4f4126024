"""Filters of the events and sources pages."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.lib import ids
from webhooks.pasted import BadPaste, parse
from webhooks.services.silence import silent
from webhooks.states import EventStatus

MAX_HEADER_CHARACTERS = 64 * 1024
MAX_BODY_CHARACTERS = 512 * 1024
STATUSES = (("", _("Any state")), *((status, _(label)) for status, label in EventStatus.choices))
SOURCE_STATES = (("", _("Any state")), ("silent", _("Quieter than usual")))
COPIES = (("", _("Any copies")), ("1", _("Came again")))


class EventFilter(forms.Form):
    """Id or type, source, state; empty fields do not narrow."""

    q = forms.CharField(required=False, label=_("Search id or type"))
    source = forms.CharField(
        required=False,
        label=_("Source"),
        widget=forms.TextInput(attrs={"placeholder": _("Source")}),
    )
    status = forms.ChoiceField(required=False, choices=STATUSES, label=_("State"))
    copies = forms.ChoiceField(required=False, choices=COPIES, label=_("Copies"))

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
        if chosen["copies"]:
            events = events.filter(duplicates__gt=0)
        return events


class DebugForm(forms.Form):
    """A pasted request whose signature is to be explained; nothing of it is kept."""

    headers = forms.CharField(
        label=_("Headers, or a curl command"),
        strip=False,
        max_length=MAX_HEADER_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_("One a line, as they came. A whole request with its body is fine too."),
    )
    body = forms.CharField(
        required=False,
        label=_("Body"),
        strip=False,
        max_length=MAX_BODY_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "autocomplete": "off"}),
        help_text=_(
            "A text field knows one kind of line end (LF) and loses odd bytes: where the "
            "exact bytes matter, paste base64."
        ),
    )
    is_base64 = forms.BooleanField(required=False, label=_("The body is base64 of the exact bytes"))
    received_at = forms.CharField(
        required=False,
        max_length=40,
        label=_("When it came"),
        help_text=_("ISO time or seconds since 1970; empty: now. Old stamps are stale by now."),
    )
    client = forms.GenericIPAddressField(
        required=False, label=_("Sender's address"), help_text=_("To check the list of addresses.")
    )

    def clean_received_at(self) -> datetime:
        """The moment; a time without zone is UTC."""
        text = self.cleaned_data["received_at"].strip()
        if not text:
            return timezone.now()
        try:
            if text.isdigit():
                return datetime.fromtimestamp(int(text[:12]), UTC)
            moment = datetime.fromisoformat(text)
        except (ValueError, OverflowError, OSError) as error:
            raise forms.ValidationError(gettext("Write it like 2026-11-25T14:03:00Z.")) from error
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def clean(self) -> dict[str, Any]:
        """The request that was pasted, as `pasted`."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if "headers" not in given or "body" not in given:
            return given
        try:
            given["pasted"] = parse(
                given["headers"], given["body"], is_base64=bool(given.get("is_base64"))
            )
        except BadPaste as error:
            self.add_error(error.field, str(error))
        return given


class SourceFilter(forms.Form):
    """Slug, name or scheme."""

    q = forms.CharField(required=False, label=_("Search name or scheme"))
    state = forms.ChoiceField(required=False, choices=SOURCE_STATES, label=_("State"))

    def narrow(self, sources: Any) -> Any:
        """The sources that fit."""
        if not self.is_valid():
            return sources.none()
        if text := self.cleaned_data["q"].strip():
            fits = Q(slug__icontains=text) | Q(name__icontains=text) | Q(scheme__icontains=text)
            sources = sources.filter(fits)
        return silent(sources) if self.cleaned_data["state"] == "silent" else sources


def _matches(text: str) -> Q:
    found = Q(event_id=text) | Q(event_type__icontains=text)
    try:
        return found | Q(pk=ids.decode("evt", text))
    except ids.BadId:
        return found
