"""The form of a tool's definition: everything `services.save` takes."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.connections.models import Connection
from gateway.lib.errors import DomainError
from gateway.lib.formrows import visible
from gateway.lib.jsonfield import JsonObjectField, written
from gateway.lib.words import Words
from gateway.tenants.models import Environment
from gateway.tools import services
from gateway.tools.models import RetryClass, Risk, SideEffect, ToolVersion

LINES = ("material", "sensitive", "reviewers")
OBJECTS = ("input_schema", "output_schema", "config", "preview", "compensate")
TEXTS = ("description", "effect", "affected", "side_effect", "retry_class", "risk")


def _lines(label: Words, help_text: Words) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})
    return forms.CharField(required=False, label=label, help_text=help_text, widget=area)


class DefinitionForm(forms.Form):
    """A new tool, or another version of one; connector and operation are chosen before."""

    name = forms.RegexField(
        r"^[A-Za-z0-9_.-]{1,80}$", label=_("Name"), help_text=_("What agents call it; it stays.")
    )
    description = forms.CharField(
        required=False, max_length=2000, label=_("Description"), help_text=_("Agents read this."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip
    connection = forms.ChoiceField(
        required=False,
        label=_("Connection"),
        help_text=_("Whose credential it is carried out with."),
    )
    side_effect = forms.ChoiceField(
        choices=SideEffect.choices, label=_("Class"), help_text=_("What it does to the world.")
    )
    retry_class = forms.ChoiceField(
        choices=RetryClass.choices, label=_("Repeating"),
        help_text=_("Never repeated unless the service surely takes the same key once."),
    )  # fmt: skip
    risk = forms.ChoiceField(
        required=False, choices=[("", _("Not judged yet")), *Risk.choices], label=_("Risk")
    )
    effect = forms.CharField(
        required=False, max_length=2000, label=_("What will happen, as a sentence"),
        help_text=_("Arguments stand in double braces: Refund {{ amount }} on {{ order_id }}."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip
    affected = forms.CharField(
        required=False, max_length=2000, label=_("Who is affected"),
        help_text=_('CEL that yields kind:id texts: ["order:" + args.order_id]. Empty: what the '
        "connector names."),
    )  # fmt: skip
    input_schema = JsonObjectField(
        required=True, rows=14, label=_("Arguments (JSON Schema)"),
        help_text=_("Strict: an object that takes no other members. It may ask for less than the "
        "operation takes."),
    )  # fmt: skip
    config = JsonObjectField(
        label=_("Configuration"),
        help_text=_(
            "Of http: method, url, headers, query, body; of others: base_url and limits. "
            "Never a secret."
        ),
    )
    preview = JsonObjectField(
        rows=5,
        label=_("Live read"),
        help_text=_("Of http: url, before, after (CEL over response)."),
    )
    output_schema = JsonObjectField(rows=5, label=_("Results (JSON Schema)"))
    compensate = JsonObjectField(
        rows=4, label=_("Undone by"), help_text=_("operation, config, effect; may use result.")
    )
    material = _lines(_("Bound to"), _("Paths of the state before that must not move, one a line."))
    sensitive = _lines(_("Masked arguments"), _("Paths, one a line."))
    reviewers = _lines(_("Reviewers"), _("Where no rule names any: role:reviewer, one a line."))
    enabled = forms.BooleanField(required=False, label=_("On: agents may ask for it"))
    number = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, environment: Environment, version: ToolVersion | None = None, **kw: Any
    ) -> None:
        self.version = version
        super().__init__(*args, **kw)
        if version is not None:
            del self.fields["name"]
        rows = Connection.objects.within(environment).filter(archived_at=None)
        if version is not None and version.connection_id:
            # The one it has may be archived since: it stays visible until another is chosen.
            rows = rows | Connection.objects.within(environment).filter(pk=version.connection_id)
        self.connections = {row.public_id: row for row in rows}
        chosen = [(key, str(row)) for key, row in self.connections.items()]
        self.fields["connection"].choices = [("", gettext("none")), *chosen]  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """The fields that `services.save` takes, but connector, operation and the name."""
        data = self.cleaned_data
        found: dict[str, Any] = {name: data[name].strip() for name in TEXTS}
        found |= {name: data[name] for name in OBJECTS}
        found["config"] = found["config"] or {}
        found |= {name: [line.strip() for line in data[name].splitlines() if line.strip()]
                  for name in LINES}  # fmt: skip
        connection = self.connections.get(data["connection"])
        looked_at = data["number"] if self.version else None
        return {
            **found, "connection": connection, "enabled": data["enabled"], "looked_at": looked_at,
        }  # fmt: skip

    def refuse(self, error: DomainError) -> None:
        """Show what the service found wrong, at the field it names where it names one."""
        text = error.detail.removeprefix(gettext("The tool's definition was refused: "))
        field = text.partition(":")[0].partition(".")[0].strip()
        self.add_error(field if field in self.fields else None, text)


def initial_of(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition as the form's first values."""
    # What the eye would miss stands as an escape: whoever saves it saves what they see.
    shown: dict[str, Any] = {name: visible(definition.get(name, "")) for name in TEXTS}
    shown |= {name: written(definition.get(name) or None) for name in OBJECTS}
    return shown | {
        name: visible("\n".join(map(str, definition.get(name) or ()))) for name in LINES
    }


def initial_of_version(version: ToolVersion) -> dict[str, Any]:
    """The first values of a tool that is changed."""
    shown = initial_of(services.definition_of(version))
    connection = version.connection.public_id if version.connection else ""
    now = {"enabled": version.tool.is_enabled, "number": version.number}
    return shown | now | {"connection": connection}
