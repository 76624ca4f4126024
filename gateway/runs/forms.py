"""Filters of the runs page."""

from typing import Any

from django import forms
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from gateway.lib import ids
from gateway.runs.models import Feedback, Report
from gateway.runs.services.rating import MAX_NOTE
from gateway.runs.states import RunStatus

ENDED = (RunStatus.COMPLETED, RunStatus.FAILED)
LONGEST_NAME = 80
OPINIONS = (("", ""), ("helpful", "helpful"), ("unhelpful", "unhelpful"))
REPORTS = (("", ""), ("undelivered", "undelivered"))
STATUSES = (("", _("Any state")), *((status, _(label)) for status, label in RunStatus.choices))


class RunFilter(forms.Form):
    """Task or id, state, agent; empty fields do not narrow."""

    q = forms.CharField(required=False, label=_("Search task or id"))
    status = forms.ChoiceField(required=False, choices=STATUSES, label=_("State"))
    agent = forms.CharField(
        required=False, label=_("Agent"), widget=forms.TextInput(attrs={"placeholder": _("Agent")})
    )
    feedback = forms.ChoiceField(required=False, choices=OPINIONS, widget=forms.HiddenInput)
    reports = forms.ChoiceField(required=False, choices=REPORTS, widget=forms.HiddenInput)
    ended_since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    rated_since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    project = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    model = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    is_exact = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def narrow(self, runs: Any) -> Any:
        """The runs that fit; a value that cannot be fits nothing."""
        if not self.is_valid():
            return runs.none()
        chosen = self.cleaned_data
        if chosen["q"]:
            runs = runs.filter(_matches(chosen["q"].strip()))
        if chosen["status"]:
            runs = runs.filter(status=chosen["status"])
        if chosen["agent"]:
            runs = runs.filter(agent__slug=chosen["agent"])
        if chosen["ended_since"]:
            runs = runs.filter(finished_at__gte=chosen["ended_since"], status__in=ENDED)
        if chosen["reports"]:
            runs = runs.filter(Exists(Report.objects.undelivered().filter(run=OuterRef("pk"))))
        return self._rated(self._named(runs))

    def _named(self, runs: Any) -> Any:
        """Those of a project and a model; exact, an empty one means those without."""
        for name, column in (("project", "tags__project_id"), ("model", "usage__model")):
            if wanted := self.cleaned_data[name]:
                # The dashboard cuts long names.
                cut = "__startswith" if len(wanted) == LONGEST_NAME else ""
                runs = runs.filter(**{f"{column}{cut}": wanted})
            elif self.cleaned_data["is_exact"]:
                runs = runs.filter(Q(**{f"{column}__isnull": True}) | Q(**{column: ""}))
        return runs

    def _rated(self, runs: Any) -> Any:
        chosen = self.cleaned_data
        if not chosen["feedback"] and not chosen["rated_since"]:
            return runs
        said = Feedback.objects.filter(run=OuterRef("pk"))
        if chosen["rated_since"]:
            said = said.filter(said_at__gte=chosen["rated_since"])
        if chosen["feedback"]:
            said = said.filter(is_helpful=chosen["feedback"] == "helpful")
        return runs.filter(Exists(said))


class RateForm(forms.Form):
    """Whether a run's outcome was helpful, and why."""

    helpful = forms.ChoiceField(choices=(("yes", _("Yes")), ("no", _("No"))))
    note = forms.CharField(
        required=False,
        max_length=MAX_NOTE,
        label=_("What made it so?"),
        help_text=_("Optional. Everybody who may see the run can read it."),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def _matches(text: str) -> Q:
    found = Q(task__icontains=text) | Q(provider_run_id=text)
    try:
        return found | Q(pk=ids.decode("run", text))
    except ids.BadId:
        return found
