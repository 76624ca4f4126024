"""The form of a source: its name and address, its secret, and what it lets in."""

from ipaddress import ip_network
from typing import Any

from django import forms
from django.conf import settings
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.agents.models import Provider
from gateway.lib.errors import DomainError
from gateway.lib.visible import reveal
from gateway.lib.words import Words
from gateway.tenants.models import Environment
from webhooks.models import Source
from webhooks.schemes.base import Algorithm, Scheme
from webhooks.schemes.catalogue import TOKEN_WARNING

STATUSES = (
    ("", _("As the provider expects")),
    (200, "200"),
    (202, "202"),
    (204, _("204, no body")),
)
# Which field of the form a refusal of the services is about.
FIELD_OF = {
    "invalid_slug": "slug", "slug_in_use": "slug", "invalid_secret": "secret",
    "secret_needed": "secret", "unknown_provider": "provider",
}  # fmt: skip
# Settings that this form writes; all others of a source stay as they are.
SETTINGS = (
    "tolerance_s", "public_url", "success_status", "ip_allow", "max_body_bytes", "rate_per_s",
    "concurrency", "order_by",
)  # fmt: skip
Group = tuple[str, list[BoundField]]


def put(form: forms.Form, error: DomainError) -> None:
    """Show a refusal at the field that it is about."""
    field = FIELD_OF.get(error.code) or str(error.extra.get("field", ""))
    form.add_error(field if field in form.fields else None, error.detail)


def _number(label: Words, *, low: int = 1, high: int, help_text: Words = "") -> forms.IntegerField:
    return forms.IntegerField(
        required=False, min_value=low, max_value=high, label=label, help_text=help_text
    )


class ChangeForm(forms.Form):
    """What may be changed about a source at any time."""

    name = forms.CharField(max_length=120, required=False, label=_("Name"))
    provider = forms.ChoiceField(
        required=False,
        label=_("Agent provider"),
        help_text=_("Only where this source carries the events of runs: those feed its runs."),
    )
    public_url = forms.URLField(
        required=False,
        max_length=300,
        label=_("Public address"),
        assume_scheme="https",
        help_text=_("Only where the provider reaches the endpoint by another address than ours."),
    )
    ip_allow = forms.CharField(
        required=False,
        label=_("Senders' addresses"),
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "192.0.2.0/24"}),
        help_text=_(
            "One address or network a line; empty lets all in. Others get the same 401 as "
            "a wrong signature."
        ),
    )
    tolerance_s = _number(
        _("Tolerance, seconds"), high=86_400, help_text=_("How old a signed timestamp may be.")
    )
    max_body_bytes = _number(_("Largest body, bytes"), high=2**31)
    rate_per_s = _number(_("Deliveries a second"), high=1_000_000)
    success_status = forms.TypedChoiceField(
        required=False, choices=STATUSES, coerce=int, empty_value=None, label=_("Answer to accept")
    )
    concurrency = _number(_("Processed at once"), high=1000)
    order_by = forms.CharField(
        required=False,
        max_length=200,
        label=_("In order by"),
        help_text=_(
            "A path of the body such as body:order.id: events with the same value are "
            "processed one after the other."
        ),
    )
    quarantine = forms.BooleanField(
        required=False,
        initial=True,
        label=_("Hold back equal signed bytes that come under another id"),
    )

    def __init__(self, *args: Any, place: Environment, scheme: Scheme, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.place, self.scheme = place, scheme
        self.providers = Provider.objects.within(place).filter(archived_at=None)
        names = [(row.public_id, row.slug) for row in self.providers]
        self._field("provider").choices = [("", gettext("None")), *names]
        if not scheme.signs_time:
            del self.fields["tolerance_s"]
        else:
            usual = f"{scheme.past_tolerance_s}"
            self.fields["tolerance_s"].widget.attrs["placeholder"] = usual
        self.fields["max_body_bytes"].widget.attrs["placeholder"] = str(settings.MAX_BODY_BYTES)
        if scheme.needs_url:
            self.fields["public_url"].help_text = gettext(
                "The provider signs this address: exactly what you enter there, with scheme, "
                "port, path and query. Empty means the endpoint's own, shown once it is made."
            )
            usual = f"{settings.PUBLIC_URL}/webhooks/…"
            self.fields["public_url"].widget.attrs["placeholder"] = usual
        if scheme.is_id_signed:
            del self.fields["quarantine"]

    def _field(self, name: str) -> Any:
        return self.fields[name]

    def clean_ip_allow(self) -> list[str]:
        """The networks, each on a line of its own."""
        lines = [line.strip() for line in self.cleaned_data["ip_allow"].splitlines()]
        found = [line for line in lines if line]
        for line in found:
            try:
                ip_network(line)
            except ValueError as error:
                raise forms.ValidationError(
                    gettext("%(line)s is no address or network: write 192.0.2.7 or 192.0.2.0/24."),
                    params={"line": line},
                ) from error
        return found

    def chosen_provider(self) -> Provider | None:
        """The chosen provider of this environment."""
        name = self.cleaned_data.get("provider")
        found: Provider | None = self.providers.public(name).first() if name else None
        return found

    def chosen_settings(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The source's settings with what the form says; empty fields are as usual."""
        data = self.cleaned_data
        wanted = {name: data.get(name) for name in SETTINGS}
        if "quarantine" in self.fields:
            # On is as usual, and as usual is not written down.
            wanted["quarantine"] = None if data["quarantine"] else False
        merged = {**kept, **wanted}
        return {name: value for name, value in merged.items() if value not in (None, "", [])}

    @property
    def groups(self) -> list[Group]:
        """The fields by what they are about."""
        return [
            (gettext("Name"), self._those("name", "slug", "provider")),
            (gettext("Secret"), self._those("secret_from", "secret")),
            (gettext("Who may send"), self._those("public_url", "ip_allow")),
            (gettext("Limits"), self._those("tolerance_s", "max_body_bytes", "rate_per_s")),
            (
                gettext("Answer and processing"),
                self._those("success_status", "concurrency", "order_by", "quarantine"),
            ),
        ]

    @property
    def confirmation(self) -> list[BoundField]:
        """What has to be ticked, if anything."""
        return self._those("is_understood")

    def _those(self, *names: str) -> list[BoundField]:
        return [self[name] for name in names if name in self.fields]


class SourceForm(ChangeForm):
    """A new source: what may be changed, its slug and its first secret."""

    slug = forms.SlugField(
        required=False,
        max_length=40,
        label=_("Slug"),
        help_text=_("Makes a readable address; empty makes one that cannot be guessed."),
    )
    secret_from = forms.ChoiceField(
        label=_("The secret"),
        choices=(("make", _("Make one, to be entered at the provider")), ("paste", _("Paste one"))),
        initial="make",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    secret = forms.CharField(
        required=False,
        max_length=1000,
        label=_("Secret of the provider"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("It is sealed at once and never shown again."),
    )
    is_understood = forms.BooleanField(
        label=_("I understand what this scheme does not protect against"),
        error_messages={
            "required": _("Tick this to go on: the warning above is about every event.")
        },
    )

    def __init__(self, *args: Any, can_make: bool, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.can_make = can_make
        if not can_make:
            del self.fields["secret_from"]
            self.fields["secret"].required = True
            self.fields["secret"].help_text = gettext("Paste what the provider shows.")
            if self.scheme.algorithm.is_asymmetric:
                self.fields["secret"].label = gettext("Public key of the provider")
                self.fields["secret"].widget = forms.Textarea(attrs={"rows": 3})
        if not self.warning:
            del self.fields["is_understood"]

    def clean(self) -> dict[str, Any]:
        """A pasted secret has to be there."""
        data = super().clean() or self.cleaned_data
        if data.get("secret_from") == "paste" and not data.get("secret"):
            self.add_error("secret", gettext("Paste the provider's secret, or choose to make one."))
        return data

    @property
    def warning(self) -> str:
        """What the scheme does not protect against."""
        is_token = self.scheme.algorithm is Algorithm.TOKEN
        return self.scheme.warning or (TOKEN_WARNING if is_token else "")

    @property
    def makes_secret(self) -> bool:
        """Whether a secret is to be made here."""
        return self.cleaned_data.get("secret_from") == "make"


def initial_of(source: Source) -> dict[str, Any]:
    """A source as its form shows it."""
    options = source.settings
    shown = {name: options[name] for name in SETTINGS if name in options}
    shown["ip_allow"] = "\n".join(options.get("ip_allow", ()))
    shown["quarantine"] = options.get("quarantine", True)
    if source.rules.needs_url:
        shown["public_url"] = source.signed_url
    provider = source.provider.public_id if source.provider else ""
    return shown | {"name": without_hidden(source.name), "provider": provider}


def without_hidden(text: str) -> str:
    """A text for a field that people edit: what they could not see is not in it."""
    return "".join(part.text for part in reveal(text) if part.kind != "hidden")
