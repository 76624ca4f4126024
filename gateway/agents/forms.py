"""Filters of the agents page, and the form of one agent."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.agents import services
from gateway.agents.caps import CAPS
from gateway.agents.models import EVERY_TOOL, Agent, Provider
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment, Member
from gateway.tools.models import Tool

STATES = (("", _("On or off")), ("on", _("On")), ("off", _("Off")))


class AgentFilter(forms.Form):
    """Name or slug, on or off; empty fields do not narrow."""

    q = forms.CharField(required=False, label=_("Search name"))
    state = forms.ChoiceField(required=False, choices=STATES, label=_("State"))

    def narrow(self, agents: Any) -> Any:
        """The agents that fit; a value that is none of the choices fits nothing."""
        if not self.is_valid():
            return agents.none()
        if text := self.cleaned_data["q"]:
            agents = agents.filter(Q(name__icontains=text) | Q(slug__icontains=text))
        if state := self.cleaned_data["state"]:
            agents = agents.filter(is_enabled=state == "on")
        return agents


@dataclass(frozen=True)
class GrantRow:
    """One tool in the form: whether it may be used, and for which arguments."""

    name: str
    may: BoundField
    scope: BoundField
    is_known: bool

    @property
    def is_every(self) -> bool:
        """Whether it stands for every tool that has no line of its own."""
        return self.name == EVERY_TOOL


class AgentForm(forms.Form):
    """An agent as it is to be; `version` is the one that was looked at (0: a new agent)."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    slug = forms.SlugField(
        max_length=40, label=_("Slug"), help_text=_("Its name for machines; it stays.")
    )
    name = forms.CharField(max_length=120, label=_("Name"))
    owner = forms.ChoiceField(
        required=False, label=_("Owner"), help_text=_("Never approves what this agent asks for.")
    )
    provider = forms.ChoiceField(
        required=False, label=_("Provider"), help_text=_("The service that runs it.")
    )
    fallback_provider = forms.ChoiceField(
        required=False,
        label=_("Fallback provider"),
        help_text=_("Takes its runs where the first one refuses or cannot for long."),
    )

    def __init__(
        self, *args: Any, environment: Environment, agent: Agent | None, **kw: Any
    ) -> None:
        self.environment, self.agent = environment, agent
        kw["initial"] = _initial(agent)
        super().__init__(*args, **kw)
        if agent is not None:
            del self.fields["slug"]
        self.members = {row.public_id: row for row in _members(environment)}
        open_ones = Provider.objects.within(environment).filter(archived_at=None)
        self.providers = {row.public_id: row for row in open_ones}
        _offer(self.fields["owner"], gettext("nobody"), self.members)
        for name in ("provider", "fallback_provider"):
            _offer(self.fields[name], gettext("none"), self.providers)
        for name, (least, words) in CAPS.items():
            self.fields[name] = forms.IntegerField(
                required=False, min_value=least, label=gettext(words).capitalize()
            )
        self.known = _tool_names(environment)
        self.names = [EVERY_TOOL, *sorted({*self.known, *_granted(agent)} - {EVERY_TOOL})]
        for name in self.names:
            self.fields[f"may:{name}"] = forms.BooleanField(required=False, label=name)
            self.fields[f"scope:{name}"] = forms.CharField(
                required=False,
                max_length=2000,
                label=gettext("Only where, for {name}").format(name=name),
                widget=forms.Textarea(attrs={"rows": 1, "spellcheck": "false"}),
            )

    @property
    def about(self) -> list[BoundField]:
        """Who it is and where it runs."""
        names = ("slug", "name", "owner", "provider", "fallback_provider")
        return [self[name] for name in names if name in self.fields]

    @property
    def caps(self) -> list[BoundField]:
        """What it may use at most."""
        return [self[name] for name in CAPS]

    @property
    def grants(self) -> list[GrantRow]:
        """Every tool there is, and those that are only named."""
        known = {EVERY_TOOL, *self.known}
        return [
            GrantRow(name, self[f"may:{name}"], self[f"scope:{name}"], name in known)
            for name in self.names
        ]

    def clean(self) -> dict[str, Any]:
        """Every scope compiles; the fault of one is shown at its place."""
        data = super().clean() or self.cleaned_data
        for grant in self._chosen(data):
            try:
                services.check_grants([grant])
            except Refused as error:
                self.add_error(f"scope:{grant['name']}", error.detail)
        return data

    def _chosen(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        found = []
        for name in self.names:
            scope = (data.get(f"scope:{name}") or "").strip()
            if data.get(f"may:{name}"):
                found.append({"name": name, "scope": scope} if scope else {"name": name})
        return found

    @property
    def changes(self) -> dict[str, Any]:
        """What `services.update` takes, and with the slug `services.create`."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "owner": self.members.get(data["owner"]),
            "provider": self.providers.get(data["provider"]),
            "fallback_provider": self.providers.get(data["fallback_provider"]),
            "caps": {name: data[name] for name in CAPS if data[name] is not None},
            "tools": self._chosen(data),
        }


def _initial(agent: Agent | None) -> dict[str, Any]:
    if agent is None:
        return {"version": 0, f"may:{EVERY_TOOL}": True}
    rows = ("owner", "provider", "fallback_provider")
    named = {name: getattr(agent, name).public_id for name in rows if getattr(agent, name)}
    values = {"version": agent.version, "name": agent.name, **named, **agent.caps}
    for grant in agent.tools:
        values[f"may:{grant['name']}"] = True
        values[f"scope:{grant['name']}"] = grant.get("scope", "")
    return values


def _offer(field: Any, nothing: str, rows: dict[str, Any]) -> None:
    field.choices = [("", nothing), *((key, str(row)) for key, row in rows.items())]


def _members(environment: Environment) -> Any:
    rows = Member.objects.filter(tenant=environment.tenant, deactivated_at=None)
    return rows.filter(user__is_active=True).select_related("user").order_by("user__email")


def _tool_names(environment: Environment) -> list[str]:
    rows = Tool.objects.within(environment).filter(archived_at=None)
    return list(rows.values_list("name", flat=True))


def _granted(agent: Agent | None) -> list[str]:
    return [grant["name"] for grant in agent.tools] if agent else []
