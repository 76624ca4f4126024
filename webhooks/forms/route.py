"""The form of one route, and a list of them that moves before anything is saved."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.agents.models import Agent, Provider
from gateway.lib import formrows
from gateway.lib.formrows import visible
from gateway.tenants.models import Environment
from webhooks.models import Effect, Route
from webhooks.routing import RouteError, Rule, check
from webhooks.services import MAX_ROUTES, NewRoute

FIELDS = ("name", "when", "effect", "agent", "provider", "tool", "arguments")
LINE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)\s*(.*)")
Raw = dict[str, Any]


class Choices:
    """What a route of this environment may name."""

    def __init__(self, place: Environment) -> None:
        self.agents = {row.public_id: row for row in Agent.objects.within(place)}
        open_ones = Provider.objects.within(place).filter(archived_at=None)
        self.providers = {row.public_id: row for row in open_ones}


class RouteForm(forms.Form):
    """One route; its mapping is written as lines of name = expression."""

    name = forms.CharField(max_length=120, label=_("Name"))
    when = forms.CharField(
        max_length=4000,
        required=False,
        label=_("Takes events for which"),
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_("CEL over event, headers and body; empty takes all."),
    )
    effect = forms.ChoiceField(choices=Effect.choices, label=_("Effect"))
    agent = forms.ChoiceField(required=False, label=_("Agent"))
    provider = forms.ChoiceField(required=False, label=_("Provider"))
    tool = forms.CharField(
        required=False,
        max_length=80,
        label=_("Tool"),
        widget=forms.TextInput(attrs={"list": "tools", "autocomplete": "off"}),
    )
    arguments = forms.CharField(
        required=False,
        max_length=20_000,
        label=_("Filled in"),
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("One a line: name = CEL. A started run needs task."),
    )

    def __init__(self, *args: Any, choices: Choices, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.choices = choices
        self._offer("agent", choices.agents)
        self._offer("provider", choices.providers)

    def _offer(self, name: str, rows: Mapping[str, Any]) -> None:
        field: Any = self.fields[name]
        field.choices = [("", gettext("None")), *((key, row.slug) for key, row in rows.items())]

    def clean_when(self) -> str:
        """It has to compile; the caret stands under the fault."""
        when = self.cleaned_data["when"].replace("\r\n", "\n").strip() or "true"
        return str(_compiled(Rule("", when, {}), when))

    def clean_arguments(self) -> dict[str, str]:
        """Each expression has to compile."""
        found = mapping_of(self.cleaned_data["arguments"])
        return dict(_compiled(Rule("", "true", found), found))

    @property
    def target(self) -> list[BoundField]:
        """The fields that say what the event leads to."""
        return [self[name] for name in ("effect", "agent", "provider", "tool")]

    @property
    def rule(self) -> Rule:
        """The route as far as choosing goes."""
        data = self.cleaned_data
        return Rule(data["name"], data["when"], data["arguments"])

    @property
    def route(self) -> NewRoute:
        """The route as the services want it."""
        data = self.cleaned_data
        return NewRoute(
            name=data["name"],
            effect=data["effect"],
            when=data["when"],
            agent=self.choices.agents.get(data["agent"]),
            provider=self.choices.providers.get(data["provider"]),
            tool=data["tool"],
            arguments=data["arguments"],
        )


def _compiled(rule: Rule, value: Any) -> Any:
    try:
        check(rule)
    except RouteError as error:
        raise forms.ValidationError("%(text)s", params={"text": str(error)}) from error
    return value


def mapping_of(text: str) -> dict[str, str]:
    """Lines of `name = expression`, each going on in lines that begin with a space.

    Raises ValidationError for a line that is neither, or a name that is there twice.
    """
    found: dict[str, str] = {}
    last = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        if last and line[0].isspace():
            found[last] += "\n" + line
            continue
        match = LINE.match(line.strip())
        if match is None:
            raise forms.ValidationError(
                gettext("%(line)s: write name = expression."), params={"line": line[:80]}
            )
        last = match[1]
        if last in found:
            raise forms.ValidationError(gettext("%(name)s is there twice."), params={"name": last})
        found[last] = match[2]
    return found


def lines_of(mapping: Mapping[str, str]) -> str:
    """A mapping as the form shows it."""
    return "\n".join(f"{name} = " + text.replace("\n", "\n  ") for name, text in mapping.items())


def raw_of(route: Route) -> Raw:
    """A stored route as the form shows it; hidden characters as the escapes that mean the same."""
    return {
        "name": visible(route.name),
        "when": visible(route.when),
        "effect": route.effect,
        "agent": route.agent.public_id if route.agent else "",
        "provider": route.provider.public_id if route.provider else "",
        "tool": route.tool,
        "arguments": visible(lines_of(route.arguments)),
    }


def posted(data: Mapping[str, Any]) -> list[Raw]:
    """The rows of a posted form, in their order."""
    return formrows.posted(data, FIELDS, most=MAX_ROUTES)


def bound(rows: list[Raw], choices: Choices) -> list[RouteForm]:
    """The rows as forms that are judged."""
    forms_ = []
    for at, row in enumerate(rows):
        data = {f"r{at}-{name}": value for name, value in row.items()}
        forms_.append(RouteForm(data, prefix=f"r{at}", choices=choices))
    return forms_


def unbound(rows: list[Raw], choices: Choices) -> list[RouteForm]:
    """The rows as forms that are not judged yet."""
    return [RouteForm(initial=row, prefix=f"r{at}", choices=choices) for at, row in enumerate(rows)]
