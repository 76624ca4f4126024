"""What people post who look after an action, name a substitute, or ask for a page of figures."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals import services
from approvals.models import Action
from approvals.services.commenting import MAX_TEXT
from gateway.tenants.models import Member

PERIODS = (("7", _("Last 7 days")), ("30", _("Last 30 days")), ("90", _("Last 90 days")))
DEFAULT_PERIOD = 30
SNOOZES = (
    ("change", _("Until something changes")),
    ("hour", _("For an hour")),
    ("afternoon", _("For four hours")),
    ("tomorrow", _("Until tomorrow at 9:00")),
    ("week", _("For a week")),
)
SNOOZE_FOR = {
    "hour": timedelta(hours=1), "afternoon": timedelta(hours=4), "week": timedelta(days=7),
}  # fmt: skip
MORNING_HOUR = 9


def _moment_input() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class CommentForm(forms.Form):
    """Words for the thread of an action."""

    text = forms.CharField(
        max_length=MAX_TEXT,
        label=_("Comment"),
        help_text=_(
            "Nobody can change it afterwards. A question is shown to the agent, which may "
            "answer; comments are for people only."
        ),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def assignees(members: Iterable[Member]) -> list[tuple[str, str]]:
    """These members, their groups, and nobody, to choose from."""
    found = list(members)
    groups = {group.slug: group.name for member in found for group in member.groups.all()}
    return [
        ("", gettext("Nobody in particular")),
        *((member.public_id, str(member)) for member in found),
        *(
            (f"group:{slug}", gettext("Group {name}").format(name=name))
            for slug, name in sorted(groups.items())
        ),
    ]


class AssignForm(forms.Form):
    """One of those who may decide the action, a group of theirs, or nobody."""

    to = forms.ChoiceField(
        required=False,
        label=_("Who should decide?"),
        help_text=_("Everybody who can decide it now still can."),
    )

    def __init__(self, *args: Any, action: Action, **kw: Any) -> None:
        super().__init__(*args, **kw)
        members = services.eligible_reviewers(action)
        self.fields["to"].choices = assignees(members)  # type: ignore[attr-defined]


class SnoozeForm(forms.Form):
    """For how long an action is hidden from one's own inbox."""

    until = forms.ChoiceField(
        choices=SNOOZES,
        label=_("Hide it from my inbox"),
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )

    @property
    def moment(self) -> datetime | None:
        """When it comes back at the latest, by the tenant's clock; None until it changes."""
        chosen, now = self.cleaned_data["until"], timezone.localtime()
        if chosen == "tomorrow":
            morning = now.replace(hour=MORNING_HOUR, minute=0, second=0, microsecond=0)
            return morning + timedelta(days=1)
        return now + SNOOZE_FOR[chosen] if chosen in SNOOZE_FOR else None


class DelegationForm(forms.Form):
    """Who decides for whom, from when to when, by the tenant's clock."""

    substitute = forms.ChoiceField(label=_("Who decides for you?"))
    starts_at = forms.DateTimeField(label=_("From"), widget=_moment_input())
    ends_at = forms.DateTimeField(label=_("Until"), widget=_moment_input())
    scope = forms.ChoiceField(
        required=False,
        label=_("For"),
        help_text=_("What is addressed to you in person stays with you."),
    )
    note = forms.CharField(required=False, max_length=300, label=_("Note"))

    def __init__(self, *args: Any, request: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        own, others = services.substitutes_of(request.user, request.environment)
        self.fields["substitute"].choices = [  # type: ignore[attr-defined]
            ("", gettext("Choose…")),
            *((other.public_id, str(other)) for other in others),
        ]
        self.fields["scope"].choices = [  # type: ignore[attr-defined]
            ("", gettext("All my roles and groups here")),
            *((name, name.replace(":", " ")) for name in own),
        ]


class PeriodForm(forms.Form):
    """The period of a page of figures."""

    days = forms.ChoiceField(required=False, choices=PERIODS, label=_("Period"))

    @property
    def chosen(self) -> int:
        """The days; the usual period where none or an unknown one is asked for."""
        return int((self.is_valid() and self.cleaned_data["days"]) or DEFAULT_PERIOD)
