"""The forms of policies: rules that move before anything is saved, and what surrounds them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.models import Policy
from approvals.policy.cases import MAX_CHARACTERS, CasesError, load_cases
from approvals.policy.engine import PolicyError, load_rules
from approvals.policy.rules import MAX_RULES
from approvals.services.simulating import MAX_DAYS
from gateway.agents.models import Agent
from gateway.lib import formrows, jsonfield
from gateway.lib.formrows import visible
from gateway.tenants.models import Environment
from gateway.tools.models import Tool

VERDICTS = [
    ("require_approval", _("Needs approval")),
    ("allow", _("Allow")),
    ("deny", _("Deny")),
]
FIELDS = (
    "name", "when", "verdict", "reviewers", "quorum", "expires_in_s", "hold_s", "reason", "more",
)  # fmt: skip
PLAIN = ("name", "when", "verdict", "reason")
NUMBERS = ("quorum", "expires_in_s", "hold_s")
CODE = {"rows": 2, "spellcheck": "false"}
NOW = "all"
Raw = dict[str, Any]


class RuleForm(forms.Form):
    """One rule; what has no field of its own stands in `more` as JSON, and nothing is lost."""

    name = forms.CharField(max_length=120, label=_("Name"))
    when = forms.CharField(
        max_length=4096, label=_("Matches"), widget=forms.Textarea(attrs=CODE)
    )  # fmt: skip
    reason = forms.CharField(max_length=500, required=False, label=_("Reason, shown to people"))
    verdict = forms.ChoiceField(choices=VERDICTS, label=_("Outcome"))
    reviewers = forms.CharField(
        max_length=2000, required=False, label=_("Reviewers"),
        help_text=_(
            "role:reviewer, group:finance, user:ana@example.com; empty is any reviewer."
        ),
    )  # fmt: skip
    quorum = forms.IntegerField(required=False, label=_("How many agree"))
    expires_in_s = forms.IntegerField(required=False, label=_("Expires in seconds"))
    hold_s = forms.IntegerField(required=False, label=_("Hold seconds"))
    more = forms.CharField(
        max_length=20_000,
        required=False,
        label=_("More fields"),
        widget=forms.Textarea(attrs=CODE),
        help_text=_('As JSON: {"alternatives": […], "stages": […], "step_up": true, …}'),
    )

    def clean_more(self) -> dict[str, Any]:
        """A JSON object of the other fields."""
        text = self.cleaned_data["more"].strip()
        if not text:
            return {}
        read = jsonfield.read(text)
        if not isinstance(read, dict):
            raise forms.ValidationError(gettext("A JSON object is needed."))
        if twice := sorted(set(read) & (set(FIELDS) - {"more"})):
            raise forms.ValidationError(
                gettext("%(name)s has a field above."), params={"name": twice[0]}
            )
        return read

    def clean(self) -> dict[str, Any]:
        """The rule has to compile by itself; the error stands at its field, with the caret."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            load_rules("draft", [self.rule])
        except PolicyError as error:
            caret = f"\n{error.caret}" if error.caret else ""
            field = error.field if error.field in self.fields else "more"
            self.add_error(field if error.field != "rule" else None, f"{error.message}{caret}")
        return data

    @property
    def rule(self) -> Raw:
        """The rule as it is stored, without empty fields."""
        data = self.cleaned_data
        reviewers = [name for name in data["reviewers"].replace(",", " ").split() if name]
        plain = {name: data[name].replace("\r\n", "\n") for name in PLAIN}
        numbers = {name: data[name] for name in NUMBERS}
        rule = {**plain, "reviewers": reviewers, **numbers, **data["more"]}
        return {name: value for name, value in rule.items() if value not in (None, "", [])}

    @property
    def asked(self) -> list[BoundField]:
        """The fields of what comes out and who must agree."""
        return [self["verdict"], self["reviewers"]]

    @property
    def numbers(self) -> list[BoundField]:
        """The fields of how many and how long."""
        return [self[name] for name in NUMBERS]


class PolicyForm(forms.Form):
    """What surrounds the rules: name, tests, why, and for whom the new version counts."""

    name = forms.CharField(max_length=120, label=_("Name"))
    tests = forms.CharField(
        max_length=MAX_CHARACTERS, required=False, label=_("Tests"), strip=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("YAML cases; a version whose tests fail is not saved."),
    )  # fmt: skip
    stage = forms.ChoiceField(
        choices=[(NOW, _("Everybody, at once")), *Policy.Stage.choices],
        initial=NOW,
        required=False,
        label=_("Counts for"),
    )
    agents = forms.CharField(
        required=False, max_length=2000, label=_("Agents"), help_text=_("Slugs, for “Some agents”.")
    )
    percent = forms.IntegerField(
        required=False, min_value=1, max_value=100, label=_("Percent of runs"),
        help_text=_("For “A share of runs”."),
    )  # fmt: skip
    comment = forms.CharField(
        required=False, max_length=300, label=_("Why do you change it?"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )  # fmt: skip

    def clean_tests(self) -> str:
        """They have to be readable."""
        text: str = self.cleaned_data["tests"].replace("\r\n", "\n")
        try:
            load_cases(text)
        except CasesError as error:
            raise forms.ValidationError("%(text)s", params={"text": str(error)}) from error
        return text

    @property
    def rollout(self) -> list[BoundField]:
        """The fields that say for whom it counts."""
        return [self[name] for name in ("stage", "agents", "percent")]


class RolloutForm(forms.Form):
    """For whom the version on trial counts."""

    stage = forms.ChoiceField(choices=Policy.Stage.choices, label=_("Counts for"))
    agents = forms.CharField(required=False, max_length=2000, label=_("Agents, by slug"))
    percent = forms.IntegerField(
        required=False, min_value=1, max_value=100, label=_("Percent of runs")
    )


class SimulatorForm(forms.Form):
    """What the simulator is asked: one past action, one call, or the last days."""

    action = forms.CharField(
        required=False, max_length=40, label=_("A past action"), help_text=_("Its id: act_…")
    )
    tool = forms.ChoiceField(required=False, label=_("Or a call of the tool"))
    agent = forms.ChoiceField(required=False, label=_("By the agent"))
    arguments = forms.CharField(
        required=False, max_length=20_000, label=_("With the arguments"),
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), help_text="JSON.",
    )  # fmt: skip
    policy = forms.ChoiceField(
        required=False, label=_("Rules"), help_text=_("In force, or with a version on trial.")
    )

    def __init__(self, *args: Any, place: Environment, **options: Any) -> None:
        super().__init__(*args, **options)
        self.place = place
        tools = Tool.objects.within(place).order_by("name").values_list("name", flat=True)
        self._offer("tool", [(name, name) for name in tools])
        agents = Agent.objects.within(place).order_by("slug")
        self._offer("agent", [(row.public_id, row.slug) for row in agents])
        tried = Policy.objects.within(place).exclude(trial=None).select_related("trial")
        words = [
            (p.public_id, gettext("{p}, version {number}").format(p=p.name, number=p.trial.number))
            for p in tried
            if p.trial
        ]
        self._offer("policy", words, empty=gettext("In force for all"))

    def _offer(self, name: str, choices: Sequence[tuple[str, str]], *, empty: str = "") -> None:
        field: Any = self.fields[name]
        field.choices = [("", empty or gettext("None")), *choices]

    def clean_arguments(self) -> Any:
        """A strict JSON value."""
        text = self.cleaned_data["arguments"].strip() or "{}"
        return jsonfield.read(text)

    def clean(self) -> dict[str, Any]:
        """One question."""
        data = super().clean() or self.cleaned_data
        if data.get("action") and data.get("tool"):
            raise forms.ValidationError(gettext("Name a past action or a tool, not both."))
        if not data.get("action") and not (data.get("tool") and data.get("agent")):
            raise forms.ValidationError(gettext("Name a past action, or a tool and an agent."))
        return data


class DaysForm(forms.Form):
    """How far back a replay looks."""

    days = forms.IntegerField(min_value=1, max_value=MAX_DAYS, initial=7, label=_("Days"))


def raw_of(rule: Mapping[str, Any]) -> Raw:
    """A stored rule as the form shows it; hidden characters as the escapes that mean the same."""
    more = {name: value for name, value in rule.items() if name not in FIELDS}
    return {
        **{name: rule.get(name, "") for name in PLAIN},
        "when": visible(str(rule.get("when", ""))),
        "reviewers": ", ".join(rule.get("reviewers") or []),
        **{name: rule.get(name, "") for name in NUMBERS},
        "more": json.dumps(more, ensure_ascii=True, indent=2) if more else "",
    }


def posted(data: Mapping[str, Any]) -> list[Raw]:
    """The rules of a posted form, in their order."""
    return formrows.posted(data, FIELDS, most=MAX_RULES)


def bound(rows: list[Raw]) -> list[RuleForm]:
    """The rules as forms that are judged."""
    return [
        RuleForm({f"r{at}-{name}": value for name, value in row.items()}, prefix=f"r{at}")
        for at, row in enumerate(rows)
    ]


def unbound(rows: list[Raw]) -> list[RuleForm]:
    """The rules as forms that are not judged yet."""
    return [RuleForm(initial=row, prefix=f"r{at}") for at, row in enumerate(rows)]
