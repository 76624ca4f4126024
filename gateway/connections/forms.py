"""Forms of the connections' pages: they ask only for what the chosen kind and service need."""

from typing import Any

from django import forms
from django.db.models import Q
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.connections import services
from gateway.connections.kinds import KINDS, Field, Kind
from gateway.connections.limits import LIMITS, Limit
from gateway.connections.models import Connection
from gateway.connections.presets import FILLED, Preset
from gateway.connections.services.checks import MAX_REMINDER_DAYS

MAX_VALUE = 16_000
STATES = (
    ("", _("Every state")),
    ("attention", _("Needs attention")),
    ("broken", _("Broken")),
    ("ending", _("Expires or is due to be rotated")),
    ("ready", _("Ready")),
    ("archived", _("Archived")),
)
REFERENCE_HELP = _(
    "Sealed, and never shown again. Or a reference: env:COUNTERSIGN_CONNECTION_… or file:…"
)
STAYS = _("Empty: it stays as it is. ")
CONFIG, LIMIT = "config:", "limit:"


class ConnectionFilter(forms.Form):
    """Name, kind, state; empty fields do not narrow. Archived ones only when asked for."""

    q = forms.CharField(required=False, label=_("Search name"))
    kind = forms.ChoiceField(
        required=False, label=_("Kind"),
        choices=[("", _("Every kind")), *((kind.name, _(kind.title)) for kind in KINDS.values())],
    )  # fmt: skip
    state = forms.ChoiceField(required=False, label=_("State"), choices=STATES)

    def narrow(self, connections: Any) -> Any:
        """The connections that fit but for their state, which rows alone do not tell."""
        if not self.is_valid():
            return connections.none()
        data = self.cleaned_data
        if text := data["q"]:
            connections = connections.filter(Q(slug__icontains=text) | Q(name__icontains=text))
        if data["kind"]:
            connections = connections.filter(kind=data["kind"])
        return connections.filter(archived_at__isnull=data["state"] != "archived")

    def fits(self, standing: services.Standing) -> bool:
        """Whether the state is one that was asked for."""
        wanted = self.cleaned_data["state"] if self.is_valid() else ""
        if wanted == "attention":
            return standing.needs_attention
        if wanted == "ending":
            return standing.is_ending
        if wanted == "broken":
            return standing.needs_attention and not standing.is_ending
        return wanted in ("", "archived") or standing.state == wanted


class Unshown(forms.Textarea):
    """A field of several lines that never shows what was entered, not even after a mistake."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class ConnectionForm(forms.Form):
    """A connection as it is to be; `revision` is the one that was looked at (0: a new one)."""

    revision = forms.IntegerField(widget=forms.HiddenInput)
    slug = forms.SlugField(
        max_length=40, label=_("Slug"), help_text=_("Its name for machines; it stays.")
    )
    name = forms.CharField(required=False, max_length=120, label=_("Name"))
    region = forms.CharField(
        required=False, max_length=40, label=_("Region"),
        help_text=_("Where the service is, as policies name it: eu."),
    )  # fmt: skip
    rotate_after_days = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_REMINDER_DAYS, label=_("Rotate every (days)"),
        help_text=_("A reminder; nothing stops working."),
    )  # fmt: skip
    expires_at = forms.DateTimeField(
        required=False, label=_("Expires"),
        help_text=_("When the service takes the value no longer; it is not used after that."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )  # fmt: skip

    def __init__(
        self, *args: Any, kind: Kind, preset: Preset | None, connection: Connection | None,
        **more: Any,
    ) -> None:  # fmt: skip
        self.kind, self.preset, self.connection = kind, preset, connection
        more["initial"] = _initial(kind, preset, connection)
        super().__init__(*args, **more)
        if connection is not None:
            del self.fields["slug"]
        self.asked = [field for field in kind.fields if _is_asked(field, preset)]
        for field in self.asked:
            self.fields[CONFIG + field.name] = _config_field(field, preset)
        self.fields["value"] = _value_field(kind, is_new=connection is None)
        for limit in LIMITS.values():
            self.fields[LIMIT + limit.name] = _limit_field(limit)

    @property
    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """Titles and fields, in the order in which they are filled in."""
        names = [name for name in ("slug", "name") if name in self.fields]
        return [
            (gettext("About"), [self[name] for name in (*names, "region")]),
            (
                gettext("Credential"),
                [*(self[CONFIG + field.name] for field in self.asked), self["value"]],
            ),
            (gettext("Reminders"), [self["rotate_after_days"], self["expires_at"]]),
        ]

    @property
    def limits(self) -> list[BoundField]:
        """What it may take of the service."""
        return [self[LIMIT + name] for name in LIMITS]

    @property
    def changes(self) -> dict[str, Any]:
        """What `services.update` takes, and with the slug `services.create`."""
        data = self.cleaned_data
        kept = dict(self.connection.config) if self.connection else {}
        config = kept | {field.name: data[CONFIG + field.name] for field in self.asked}
        if self.preset:
            config["preset"] = self.preset.name
        found: dict[str, Any] = {
            **{name: data[name] for name in ("name", "region", "rotate_after_days")},
            "config": {name: text for name, text in config.items() if text},
            "limits": {
                name: data[LIMIT + name] for name in LIMITS if data[LIMIT + name] is not None
            },
            "value": data["value"].strip() if self.kind.is_long else data["value"],
        }
        if self.connection is None or "expires_at" in self.changed_data:
            found["expires_at"] = data["expires_at"]
        return found

    def show(self, error: Any) -> None:
        """The service's refusal at the fields it names, else over all of them."""
        named = error.extra.get("errors", {})
        places = {name: self._place(name) for name in named}
        for name, faults in named.items():
            self.add_error(places[name], faults)
        if not any(places.values()):
            self.add_error("value" if "value" in error.code else None, error.detail)

    def _place(self, name: str) -> str | None:
        return next((at for at in (CONFIG + name, LIMIT + name) if at in self.fields), None)


class RotateForm(forms.Form):
    """A new value."""

    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, connection: Connection, **more: Any) -> None:
        more["initial"] = {"revision": connection.revision}
        super().__init__(*args, **more)
        self.fields["value"] = _value_field(connection.rules, is_new=True)
        self.fields["value"].required = True


def _is_asked(field: Field, preset: Preset | None) -> bool:
    """What a preset knows is not asked for, but for its hosts, which depend on what is wanted."""
    if field.name == "preset":
        return False
    if field.name == "place":
        return bool(preset and preset.asks)
    return preset is None or field.name in {"scopes", "hosts"} or field.name not in FILLED


def _config_field(field: Field, preset: Preset | None) -> forms.Field:
    label, told = gettext(field.label), gettext(field.help)
    if field.name == "hosts" and preset:
        told = gettext("Names of hosts, separated by blanks. Empty: the service's own, {hosts}.")
        told = told.format(hosts=preset.hosts)
    if field.name == "place" and preset:
        label, told = gettext(preset.asks.capitalize()), gettext(preset.asks_help)
    is_needed = field.required and not field.default or field.name == "place"
    if field.choices:
        choices = [(choice, choice) for choice in field.choices]
        return forms.ChoiceField(
            label=label, help_text=told, choices=choices, required=False, initial=field.default
        )
    if field.default:
        told = gettext("{told} Empty: {default}").format(told=told, default=field.default).strip()
    spell = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
    return forms.CharField(
        label=label, help_text=told, required=is_needed, max_length=2000,
        widget=forms.TextInput(attrs=spell),
    )  # fmt: skip


def _value_field(kind: Kind, *, is_new: bool) -> forms.CharField:
    told = " ".join(str(part) for part in (_(kind.value_help), REFERENCE_HELP) if part)
    plain = {"autocomplete": "off", "spellcheck": "false"}
    widget: forms.Widget = (
        Unshown(attrs={**plain, "rows": 4})
        if kind.is_long
        else forms.PasswordInput(attrs={**plain, "autocomplete": "new-password"})
    )
    return forms.CharField(
        label=_(kind.value), help_text=told if is_new else STAYS + told, max_length=MAX_VALUE,
        required=is_new and kind.value_required, strip=False, widget=widget,
    )  # fmt: skip


def _limit_field(limit: Limit) -> forms.Field:
    told = (
        gettext("Empty: {default:g} {unit}").format(default=limit.default, unit=gettext(limit.unit))
        if limit.default
        else gettext("Empty: what the connector knows of it")
    )
    shown: dict[str, Any] = {
        "required": False, "label": _(limit.label), "help_text": f"{told}.",
        "min_value": limit.least, "max_value": limit.most,
    }  # fmt: skip
    return forms.IntegerField(**shown) if limit.is_whole else forms.FloatField(**shown)


def _initial(kind: Kind, preset: Preset | None, connection: Connection | None) -> dict[str, Any]:
    if connection is None:
        known = {"scopes": preset.scopes} if preset else {}
        values: dict[str, Any] = {"revision": 0, "slug": preset.name if preset else ""}
    else:
        known = connection.config
        values = {
            name: getattr(connection, name)
            for name in ("revision", "name", "region", "rotate_after_days", "expires_at")
        }
        values |= {LIMIT + name: number for name, number in connection.limits.items()}
    return values | {CONFIG + field.name: known.get(field.name, "") for field in kind.fields}
