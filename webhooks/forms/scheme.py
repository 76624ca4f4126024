"""The form of a scheme of one's own, and of a request to try it on."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.lib.words import Words
from webhooks.schemes.base import Algorithm, Encoding, Fallback, Scheme, Split, Unit
from webhooks.schemes.custom import MAX_TEXT, MAX_TOLERANCE_S, BadScheme, dump, parse

ALGORITHMS = {
    Algorithm.HMAC_SHA256: "HMAC-SHA256", Algorithm.HMAC_SHA1: "HMAC-SHA1",
    Algorithm.HMAC_SHA512: "HMAC-SHA512", Algorithm.SHA256: _("SHA-256 over secret and content"),
    Algorithm.ED25519: _("Ed25519, public key"), Algorithm.ECDSA_P256: _("ECDSA P-256, public key"),
    Algorithm.RSA_SHA256: _("RSA-SHA256, public key"),
    Algorithm.TOKEN: _("Nothing is signed: a token in clear"),
}  # fmt: skip
ENCODINGS = {
    Encoding.HEX: _("Hexadecimal"),
    Encoding.BASE64: "Base64",
    Encoding.UTF8: _("As it stands"),
}
UNITS = {
    Unit.SECONDS: _("Seconds since 1970"), Unit.MILLISECONDS: _("Milliseconds since 1970"),
    Unit.ISO: "ISO 8601", Unit.HTTP_DATE: _("HTTP date"),
}  # fmt: skip
FALLBACKS = {
    Fallback.REFUSE: _("Refuse the delivery"),
    Fallback.DIGEST: _("Equal signed bytes are the same event"),
    Fallback.RECEIPT: _("Every delivery is an event of its own"),
}
SPLITS = ("split_items", "split_id", "split_types")
LISTS = ("signature_headers", "ids", "types")


def _text(label: Words, help_text: Words = "", *, placeholder: str = "") -> forms.CharField:
    # Spaces count: a separator may be one.
    return forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        strip=False,
        label=label,
        help_text=help_text,
        widget=forms.TextInput(attrs={"placeholder": placeholder} if placeholder else {}),
    )


def _lines(label: Words, help_text: Words, *, required: bool = False) -> forms.CharField:
    return forms.CharField(
        required=required,
        label=label,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )


def _choice(label: Words, words: Mapping[Any, Any]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=[(k.value, v) for k, v in words.items()])


def _seconds(label: Words) -> forms.IntegerField:
    return forms.IntegerField(min_value=1, max_value=MAX_TOLERANCE_S, initial=300, label=label)


class SchemeForm(forms.Form):
    """The catalogue's own fields. Places are written header:name, field:name or body:a.b."""

    algorithm = _choice(_("Algorithm"), ALGORITHMS)
    signature_headers = _lines("Signature headers", "One a line.", required=True)
    signature_encoding = _choice(
        _("The signature is written in"), {k: v for k, v in ENCODINGS.items() if k != Encoding.UTF8}
    )
    signature_prefix = _text(_("Before the signature"), placeholder="sha256=")
    is_prefix_optional = forms.BooleanField(required=False, label=_("It may be missing"))
    item_separator = _text(_("Between several"), _("Where one header holds more than one item."))
    signature_field = _text(_("Name of its field"), _("Where the header is a list of name=value."))
    signed = _text(
        _("Signed bytes"),
        _("Of {body}, {timestamp}, {id}, {url}, {method} and {header:name}."),
        placeholder="{timestamp}.{body}",
    )
    secret_encoding = _choice(_("The secret is written in"), ENCODINGS)
    secret_prefix = _text(_("Before the secret"), _("It is taken off."), placeholder="whsec_")
    timestamp = _text(_("Time of sending"), placeholder="header:x-timestamp")
    timestamp_unit = _choice(_("Written as"), UNITS)
    past_tolerance_s = _seconds(_("May be old, seconds"))
    future_tolerance_s = _seconds(_("May be ahead, seconds"))
    ids = _lines(_("Event id"), _("Places, one a line; the first that is there counts."))
    id_fallback = _choice(_("Without an id"), FALLBACKS)
    types = _lines(_("Event type"), _("Places, one a line."))
    is_split = forms.BooleanField(required=False, label=_("One body carries several events"))
    split_items = _text(_("Path of their list"), _("Empty where the body is the list."))
    split_id = _lines(_("Id of an item"), _("Members that together identify it, one a line."))
    split_types = _lines(_("Type of an item"), _("Members, one a line."))

    @classmethod
    def of(cls, scheme: Scheme) -> "SchemeForm":
        """The form that says what this scheme says."""
        return cls(initial=initial_of(scheme))

    def clean(self) -> dict[str, Any]:
        """The scheme has to work as a whole; what does not is told at its field."""
        data = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.scheme = parse(self._described(data))
            except BadScheme as error:
                name = "split_items" if error.field == "split" else error.field
                self.add_error(name if name in self.fields else None, str(error))
        return data

    @property
    def description(self) -> dict[str, Any]:
        """What is kept in the source's settings."""
        return dump(self.scheme)

    def _described(self, data: dict[str, Any]) -> dict[str, Any]:
        described = {
            name: _split_lines(value) if name in LISTS else value
            for name, value in data.items()
            if name not in {*SPLITS, "is_split"}
        }
        described["signed"] = data["signed"] or "{body}"
        if data["is_split"]:
            described["split"] = {
                "items": data["split_items"],
                "id": _split_lines(data["split_id"]),
                "types": _split_lines(data["split_types"]),
            }
        return described

    @property
    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """The fields by what they are about."""
        return [
            (gettext("Signature"), self._from("algorithm", "signature_field")),
            (gettext("What is signed, under which secret"), self._from("signed", "secret_prefix")),
            (gettext("Time"), self._from("timestamp", "future_tolerance_s")),
            (gettext("Id and type"), self._from("ids", "types")),
            (gettext("Several events in one body"), self._from("is_split", "split_types")),
        ]

    def _from(self, first: str, last: str) -> list[BoundField]:
        names = list(self.fields)
        return [self[name] for name in names[names.index(first) : names.index(last) + 1]]


class TrialForm(forms.Form):
    """A request as it was received, to see whether it verifies. Nothing of it is kept."""

    headers = forms.CharField(
        required=False,
        max_length=32_768,
        label="Headers",
        widget=forms.Textarea(
            attrs={"rows": 5, "placeholder": "X-Signature: sha256=…", "spellcheck": "false"}
        ),
        help_text="One a line, as they came.",
    )
    body = forms.CharField(
        required=False,
        max_length=262_144,
        strip=False,
        label=_("Body"),
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=_("Exactly as it came; line breaks count as LF."),
    )
    trial_secret = forms.CharField(
        required=False,
        max_length=1000,
        label=_("Secret to try"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


def initial_of(scheme: Scheme) -> dict[str, Any]:
    """A scheme as its form shows it."""
    shown: dict[str, Any] = {}
    for name in SchemeForm.base_fields:
        value = getattr(scheme, name, None)
        shown[name] = "\n".join(value) if isinstance(value, tuple) else value
    split = scheme.split or Split()
    return shown | {
        "is_split": scheme.split is not None,
        "split_items": split.items,
        "split_id": "\n".join(split.id),
        "split_types": "\n".join(split.types),
    }


def _split_lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
