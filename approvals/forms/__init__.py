"""What a reviewer posts, and the filters of the lists."""

from datetime import timedelta
from typing import Any

from django import forms
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.forms.counted import ANY, ENDINGS, NEVER, VOTES, counted_as
from approvals.forms.outcomes import ProvingForm
from approvals.models import Approval, BreakGlass
from approvals.models.switches import AGENT, ENVIRONMENT, TOOL
from approvals.signals import QUICK_S
from approvals.states import ActionStatus
from gateway.agents.models import Agent
from gateway.lib import ids, jsonfield
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment, User
from gateway.tools.models import Risk, Tool

OTHER = "other"
PRESETS = (
    ("Wrong amount", _("Wrong amount")),
    ("Wrong target", _("Wrong target")),
    ("Not needed", _("Not needed")),
    ("Suspicious text", _("Suspicious text")),
    (OTHER, _("Something else")),
)
MAX_TEXT = 2000
EXTENSIONS = (
    ("1", _("1 hour")),
    ("4", _("4 hours")),
    ("24", _("1 day")),
    ("72", _("3 days")),
    ("168", _("7 days")),
)
RISKS = (("", _("Any risk")), *Risk.choices)
MAX_DAYS = 366
PACES = (("", ""), ("quick", "quick"), ("unopened", "unopened"))
RAN = (("", ""), ("self", "self"), (NEVER, NEVER))
ENDS = (("", ""), *((name, name) for name in ENDINGS))
SORTS = (
    ("", _("By risk, then time left")), ("deadline", _("Time left")), ("newest", _("Newest first")),
    ("oldest", _("Oldest first")), ("agent", _("By agent")), ("tool", _("By tool")),
)  # fmt: skip
# What may be typed into the search as `tool:refund`.
KEYED = ("tool", "agent", "risk", "status")
VOTED = (("", ""), *((one, one) for one in (ANY, *VOTES)))
STATUSES = (("", _("Any state")), *((status, _(label)) for status, label in ActionStatus.choices))


class DecisionForm(forms.Form):
    """The digest that was shown: a decision is bound to it."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, **kw: Any) -> None:
        # Several of them stand on one page: a label must find its own field.
        super().__init__(*args, **{"auto_id": f"{type(self).__name__.lower()}_%s", **kw})


class ApprovingForm(ProvingForm, DecisionForm):
    """A decision that lets something happen; a passkey may have signed for it."""


class ApproveForm(ApprovingForm):
    """An approval with an optional comment."""

    comment = forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        label=_("Comment"),
        help_text=_("Kept with the action."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RejectForm(DecisionForm):
    """A rejection with its reason: a preset, a text, or both."""

    preset = forms.ChoiceField(
        required=False,
        choices=PRESETS,
        label=_("Reason"),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    reason = forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        label=_("What should be different?"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def clean(self) -> dict[str, Any]:
        """At least one of both, so that the agent learns something."""
        data = super().clean() or self.cleaned_data
        preset = data.get("preset") or ""
        parts = [preset if preset != OTHER else "", (data.get("reason") or "").strip()]
        data["text"] = ": ".join(part for part in parts if part)
        if not data["text"]:
            raise forms.ValidationError(
                gettext("Say why: the agent gets the reason as its answer.")
            )
        return data


class BreakGlassForm(ApprovingForm):
    """Why nobody else can decide in time."""

    reason = forms.CharField(
        max_length=MAX_TEXT,
        label=_("Why can nobody else decide in time?"),
        help_text=_("Everybody here can read it, and somebody else will review it."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ReviewForm(forms.Form):
    """What another person thinks of a decision that somebody took alone."""

    finding = forms.ChoiceField(
        choices=BreakGlass.Finding.choices,
        label=_("Finding"),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    comment = forms.CharField(
        max_length=MAX_TEXT,
        label=_("What you looked at, and what you think"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SwitchReasonForm(forms.Form):
    """Why something is stopped, or may go on."""

    reason = forms.CharField(
        max_length=MAX_TEXT,
        label=_("Why"),
        help_text=_("Everybody here can read it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class StopForm(SwitchReasonForm):
    """What is to be stopped."""

    scope = forms.ChoiceField(label=_("Stop"))
    field_order = ("scope",)

    def __init__(self, *args: Any, environment: Environment, **more: Any) -> None:
        super().__init__(*args, **more)
        agents = Agent.objects.within(environment).values_list("slug", flat=True)
        tools = Tool.objects.within(environment).filter(archived_at=None)
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            (
                ENVIRONMENT,
                gettext("Everything in {environment}").format(environment=environment.name),
            ),
            (gettext("One agent"), [(f"{AGENT}{slug}", slug) for slug in agents]),
            (gettext("One tool"), [(f"{TOOL}{tool.name}", tool.name) for tool in tools]),
        ]


class EditForm(DecisionForm):
    """Other arguments as JSON text; `value` is what was read, `places` what is wrong and where."""

    arguments = forms.CharField(
        label=_("Arguments"),
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off", "wrap": "off"}
        ),
        help_text=_("JSON. What the eye would miss is written as an escape; masked values stay."),
    )
    comment = forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        label=_("Why"),
        help_text=_("Kept with the action."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.value: Any = None
        self.places: list[tuple[str, str]] = []

    def clean_arguments(self) -> str:
        """A text with exactly one meaning."""
        text = str(self.cleaned_data["arguments"])
        self.value = jsonfield.read(text)
        return text

    def refuse(self, error: Refused) -> None:
        """Take on what the service found wrong, each fault with its place."""
        found: dict[str, list[str]] = error.extra.get("errors", {})
        self.places = [(path, text) for path, texts in found.items() for text in texts]
        if not self.places:
            self.add_error("arguments", error.detail)


class ExtendForm(forms.Form):
    """How much later the decision may come."""

    hours = forms.ChoiceField(choices=EXTENSIONS, label=_("Later by"))


class ActionFilter(forms.Form):
    """Filters of the lists of actions; empty fields do not narrow."""

    q = forms.CharField(
        required=False,
        label=_("Search effect or id"),
        widget=forms.TextInput(attrs={"placeholder": _("words, tool:refund, risk:high")}),
    )
    status = forms.ChoiceField(required=False, choices=STATUSES, label=_("State"))
    risk = forms.ChoiceField(required=False, choices=RISKS, label=_("Risk"))
    tool = forms.CharField(
        required=False, label=_("Tool"), widget=forms.TextInput(attrs={"placeholder": _("Tool")})
    )
    agent = forms.CharField(
        required=False, label=_("Agent"), widget=forms.TextInput(attrs={"placeholder": _("Agent")})
    )
    sort = forms.ChoiceField(required=False, choices=SORTS, label=_("Order"))
    run = forms.CharField(required=False, widget=forms.HiddenInput)
    code = forms.CharField(required=False, widget=forms.HiddenInput)
    grant = forms.CharField(required=False, widget=forms.HiddenInput)
    days = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)
    decider = forms.CharField(required=False, widget=forms.HiddenInput)
    decision = forms.ChoiceField(
        required=False, choices=(("", ""), *Approval.Decision.choices), widget=forms.HiddenInput
    )
    voted_days = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_DAYS, widget=forms.HiddenInput
    )
    pace = forms.ChoiceField(required=False, choices=PACES, widget=forms.HiddenInput)
    since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    settled_since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    settled_before = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    ended = forms.ChoiceField(required=False, choices=ENDS, widget=forms.HiddenInput)
    carried_since = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    carried_before = forms.DateTimeField(required=False, widget=forms.HiddenInput)
    ran = forms.ChoiceField(required=False, choices=RAN, widget=forms.HiddenInput)
    voted = forms.ChoiceField(required=False, choices=VOTED, widget=forms.HiddenInput)
    rejected_for = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    voted_since = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """What was typed as `name:value` counts as that filter."""
        data = super().clean() or self.cleaned_data
        words = []
        for word in (data.get("q") or "").split():
            name, mark, value = word.partition(":")
            if mark and value and name in KEYED and not data.get(name):
                data[name] = value
            else:
                words.append(word)
        data["q"] = " ".join(words)
        return data

    def narrow(self, actions: Any) -> Any:
        """The actions that fit; a value that cannot be fits nothing."""
        if not self.is_valid():
            return actions.none()
        chosen = self.cleaned_data
        columns = {
            "status": "status", "risk": "risk", "tool": "tool_name", "agent": "agent__slug",
            "code": "code",
        }  # fmt: skip
        for name, column in columns.items():
            if chosen[name]:
                actions = actions.filter(**{column: chosen[name]})
        if chosen["q"]:
            actions = actions.filter(_matches(chosen["q"].strip()))
        if chosen["days"]:
            actions = actions.filter(created_at__gte=timezone.now() - timedelta(chosen["days"]))
        actions = counted_as(actions, chosen)
        return self._decided_by(self._of_grant(self._of_run(actions)))

    def _of_grant(self, actions: Any) -> Any:
        if not (grant := self.cleaned_data["grant"]):
            return actions
        try:
            return actions.filter(grant_use__grant=ids.decode("gnt", grant))
        except ids.BadId:
            return actions.none()

    def _decided_by(self, actions: Any) -> Any:
        """Those with a vote as a page of figures counts them: of whom, when, how, how quickly."""
        chosen = self.cleaned_data
        if not (decider := chosen["decider"]):
            return actions
        try:
            votes = Approval.objects.filter(user=ids.decode(User.PREFIX, decider))
        except ids.BadId:
            return actions.none()
        if chosen["decision"] == Approval.Decision.APPROVE:
            # Whoever decided alone in an emergency approved, too.
            votes = votes.exclude(decision=Approval.Decision.REJECT)
        elif chosen["decision"]:
            votes = votes.filter(decision=chosen["decision"])
        if chosen["voted_days"]:
            since = timezone.now() - timedelta(days=chosen["voted_days"])
            votes = votes.filter(created_at__gte=since)
        if chosen["pace"] == "unopened":
            votes = votes.filter(opened_at=None)
        elif chosen["pace"] == "quick":
            votes = votes.filter(created_at__lt=F("opened_at") + timedelta(seconds=QUICK_S))
        return actions.filter(Exists(votes.filter(action=OuterRef("pk"))))

    def _of_run(self, actions: Any) -> Any:
        if not (run := self.cleaned_data["run"]):
            return actions
        try:
            return actions.filter(run_id=ids.decode("run", run))
        except ids.BadId:
            return actions.none()


def _matches(text: str) -> Q:
    found = Q(effect__icontains=text) | Q(tool_name__icontains=text) | Q(call_id=text)
    try:
        return found | Q(pk=ids.decode("act", text))
    except ids.BadId:
        return found


class GrantForm(forms.Form):
    """Bounds of a grant, and the condition that its calls must meet."""

    ENDS = (
        (3600, _("one hour")), (8 * 3600, _("eight hours")), (86_400, _("one day")),
        (7 * 86_400, _("seven days")), (30 * 86_400, _("30 days")), (90 * 86_400, _("90 days")),
    )  # fmt: skip

    condition = forms.CharField(
        max_length=4000,
        label=_("Which calls"),
        help_text=_(
            "CEL over args, secrets masked. As suggested it holds for exactly the same arguments."
        ),
        widget=forms.Textarea(attrs={"rows": 6, "class": "cs-mono", "spellcheck": "false"}),
    )
    ends_in = forms.TypedChoiceField(choices=ENDS, coerce=int, initial=86_400, label=_("Ends in"))
    max_uses = forms.IntegerField(
        min_value=1, max_value=1000, initial=10, label=_("At most so many calls")
    )
    reason = forms.CharField(
        max_length=300,
        label=_("Why"),
        help_text=_("Kept with the grant."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class GrantFilter(forms.Form):
    """Which grants a page lists."""

    STATES = (("", _("Open and ended")), ("open", _("Open")), ("ended", _("Ended")))

    q = forms.CharField(required=False, label=_("Search tool or agent"))
    state = forms.ChoiceField(required=False, choices=STATES, label=_("State"))

    def narrow(self, grants: Any, *, open_now: Any) -> Any:
        """The grants that fit, `open_now` being those that count; an impossible value fits none."""
        if not self.is_valid():
            return grants.none()
        chosen = self.cleaned_data
        if text := chosen["q"].strip():
            grants = grants.filter(Q(tool__name__icontains=text) | Q(agent__slug__icontains=text))
        if chosen["state"] == "open":
            return grants.filter(pk__in=open_now)
        return grants.exclude(pk__in=open_now) if chosen["state"] == "ended" else grants
