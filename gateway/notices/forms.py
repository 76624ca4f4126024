"""Forms of how somebody is told, of an environment's chats, and the filters of the delivery log."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.connections.models import Connection
from gateway.notices.media import RISKS, TITLES, Digest, Medium
from gateway.notices.models import Chat, Preference
from gateway.notices.services.configuring import SECRET_NAMES
from gateway.notices.states import NoticeStatus
from gateway.notices.webpush import MAX_ENDPOINT
from gateway.tenants.models import Environment

MEDIA = [(medium.value, _(TITLES[medium])) for medium in Medium]
DIGESTS = [
    (Digest.NONE.value, _("Each at once")),
    (Digest.HOURLY.value, _("Low and medium risk together, every hour")),
    (Digest.DAILY.value, _("Low and medium risk together, every day at 8:00")),
]
CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")

STATES = [("", _("Every state")), *((key, _(label)) for key, label in NoticeStatus.choices)]
EVERY_MEDIUM = [("", _("Every medium")), *MEDIA]


class PreferenceForm(forms.Form):
    """By what a member is told of each risk, and when not."""

    quiet_from = forms.TimeField(required=False, label=_("Quiet from"), widget=CLOCK)
    quiet_until = forms.TimeField(
        required=False, label=_("Quiet until"), widget=CLOCK,
        help_text=_("What comes meanwhile is held back until then; critical risk never is."),
    )  # fmt: skip
    digest = forms.ChoiceField(label=_("Mails"), choices=DIGESTS, initial=Digest.NONE)
    everywhere = forms.BooleanField(
        required=False, label=_("Use this for all my environments of this organisation")
    )

    def __init__(self, *args: Any, preference: Preference, **kw: Any) -> None:
        self.preference = preference
        initial = {
            "quiet_from": preference.quiet_from, "quiet_until": preference.quiet_until,
            "digest": preference.digest,
        }  # fmt: skip
        super().__init__(*args, **{**kw, "initial": initial})
        media = [(key, label) for key, label in MEDIA if key != Medium.PUSH or settings.PUSH_KEY]
        for risk in RISKS:
            self.fields[f"media_{risk}"] = forms.MultipleChoiceField(
                required=False, label=risk.capitalize(), choices=media,
                initial=list(preference.media_for(risk)),
                widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
            )  # fmt: skip

    @property
    def media_fields(self) -> list[Any]:
        """The boxes of each risk."""
        return [self[f"media_{risk}"] for risk in RISKS]

    @property
    def values(self) -> dict[str, Any]:
        """What `services.choose` takes."""
        data = self.cleaned_data
        return {
            "media": {risk: data[f"media_{risk}"] for risk in RISKS},
            "quiet_from": data["quiet_from"], "quiet_until": data["quiet_until"],
            "digest": data["digest"], "everywhere": data["everywhere"],
        }  # fmt: skip


class BrowserForm(forms.Form):
    """What a browser says of itself once it has subscribed."""

    endpoint = forms.CharField(max_length=MAX_ENDPOINT, widget=forms.HiddenInput)
    p256dh = forms.CharField(max_length=200, widget=forms.HiddenInput)
    auth = forms.CharField(max_length=200, widget=forms.HiddenInput)


class ChatForm(forms.Form):
    """An app of a chat service, where it posts, and by what its presses are proven."""

    connection = forms.ChoiceField(
        label=_("Connection"),
        help_text=_("A connection of kind “bearer” that holds the bot's token."),
    )
    room = forms.CharField(
        required=False, max_length=40, label=_("Channel"),
        help_text=_(
            "The channel's id. Empty: only people who linked their account are written to."
        ),
    )  # fmt: skip
    risks = forms.MultipleChoiceField(
        required=False,
        label=_("Told in the channel"),
        choices=[(r, _(r.capitalize())) for r in RISKS],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    secret = forms.CharField(
        required=False, max_length=200, label=_("Proof of presses"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    has_buttons = forms.BooleanField(
        required=False, label=_("Low and medium risk can be approved and rejected there")
    )
    is_enabled = forms.BooleanField(required=False, label=_("On"))
    base_url = forms.URLField(
        required=False, max_length=200, label=_("Address of the API"), assume_scheme="https",
        help_text=_("Only where the service is not at its usual address."),
    )  # fmt: skip

    def __init__(
        self, *args: Any, environment: Environment, kind: str, chat: Chat | None, **kw: Any
    ) -> None:
        initial = {"has_buttons": True, "is_enabled": True, "risks": list(RISKS[:2])}
        if chat is not None:
            initial = {
                "connection": chat.connection.slug, "room": chat.room, "risks": chat.risks,
                "has_buttons": chat.has_buttons, "is_enabled": chat.is_enabled,
                "base_url": chat.base_url,
            }  # fmt: skip
        super().__init__(*args, **{**kw, "initial": initial})
        self.rows = Connection.objects.within(environment).filter(archived_at=None)
        choices = [(row.slug, row.name or row.slug) for row in self.rows]
        self.fields["connection"].choices = choices  # type: ignore[attr-defined]
        kept = gettext("Stored; a new one takes its place.") if chat and chat.sealed else ""
        name = gettext(SECRET_NAMES[Medium(kind)]).capitalize()
        self.fields["secret"].help_text = f"{name}. {kept}"

    @property
    def values(self) -> dict[str, Any]:
        """What `services.set_up` takes."""
        data = dict(self.cleaned_data)
        data["connection"] = self.rows.get(slug=data["connection"])
        return data


class NoticeFilter(forms.Form):
    """State and medium; empty fields do not narrow."""

    status = forms.ChoiceField(
        required=False,
        label=_("State"),
        choices=STATES,
    )
    medium = forms.ChoiceField(
        required=False,
        label=_("Medium"),
        choices=EVERY_MEDIUM,
    )

    def narrow(self, notices: Any) -> Any:
        """The notices that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return notices.none()
        wanted = {name: value for name, value in self.cleaned_data.items() if value}
        return notices.filter(**wanted)
