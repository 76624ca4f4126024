"""Who looks after an action and what was said about it, as one person sees it on the card."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from approvals.forms.care import AssignForm, CommentForm, SnoozeForm
from approvals.models import Action, Comment, Snooze
from approvals.states import ActionStatus
from approvals.views.lines import Line

SAYS = _("Agent says (unverified)")


@dataclass(frozen=True)
class Said:
    """One contribution to the thread."""

    who: str
    initials: str
    is_me: bool
    kind: str
    text: str
    at: datetime


class Attention:
    """The people around one action: the reminder, the assignee, who is on it, the thread."""

    def __init__(self, action: Action, user: Any) -> None:
        self.action = action
        self.user = user

    def _may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission, self.action.environment))

    @property
    def is_open(self) -> bool:
        """Whether it still waits for people."""
        return self.action.status == ActionStatus.PENDING

    @property
    def may_comment(self) -> bool:
        """Whether this person can add to the thread."""
        return self._may("approvals.comment_action")

    @property
    def may_assign(self) -> bool:
        """Whether this person can name who should decide."""
        return self.is_open and self._may("approvals.assign_action")

    @property
    def is_taken(self) -> bool:
        """Whether somebody said that they are on it, lately enough."""
        until = self.action.taken_until
        return self.is_open and until is not None and until > timezone.now()

    @property
    def is_mine(self) -> bool:
        """Whether that is this person."""
        return self.is_taken and self.action.taken_by_id == self.user.pk

    @property
    def on_it(self) -> str:
        """Who is on it, in words; empty where nobody is."""
        if not self.is_taken:
            return ""
        return (
            gettext("You are on it")
            if self.is_mine
            else gettext("{taken_by} is on it").format(taken_by=self.action.taken_by)
        )

    @property
    def assigned(self) -> str:
        """Who should decide, in words; empty where nobody is named."""
        action = self.action
        if action.assignee_id == self.user.pk:
            return "you"
        return str(action.assignee or action.assigned_group or "")

    @property
    def lines(self) -> list[Line]:
        """The reminder and the escalation: what was, and what comes."""
        action = self.action
        reminder = ("clock-exclamation", gettext("Reminded"), gettext("Reminder at"))
        escalation = ("trending-up", gettext("Escalated"), gettext("Escalates at"))
        found = []
        for (icon, was, comes), then, due in (
            (reminder, action.reminded_at, action.remind_due_at),
            (escalation, action.escalated_at, action.escalate_due_at),
        ):
            if then is not None:
                found.append(Line(was, icon=icon, at=then, tone="warn"))
            elif due is not None and self.is_open:
                found.append(Line(comes, icon=icon, at=due))
        return found

    @property
    def escalated_to(self) -> str:
        """Who may decide as well since the escalation, in words."""
        if self.action.escalated_at is None:
            return ""
        asked = (self.action.requirement or {}).get("escalate_to") or []
        return ", ".join(str(name).partition(":")[2] for name in asked)

    @cached_property
    def snoozed(self) -> Snooze | None:
        """This person's snooze, while it counts."""
        aside = Snooze.objects.filter(
            action=self.action, user=self.user, row_version=self.action.row_version
        ).first()
        if aside is None or not self.is_open:
            return None
        return aside if aside.until is None or aside.until > timezone.now() else None

    @cached_property
    def thread(self) -> list[Said]:
        """What was said, oldest first; for who may read it."""
        if not self._may("approvals.view_comment"):
            return []
        return [self._said(row) for row in self.action.comments.select_related("author", "agent")]

    def _said(self, row: Comment) -> Said:
        who, initials, is_me = str(SAYS), "", False
        if row.author is not None:
            is_me = row.author_id == self.user.pk
            who, initials = gettext("You") if is_me else str(row.author), row.author.initials
        return Said(who, initials, is_me, row.kind, row.text, row.created_at)

    @cached_property
    def comment_form(self) -> CommentForm:
        """An empty form."""
        return CommentForm()

    @cached_property
    def assign_form(self) -> AssignForm:
        """The people and groups who may decide."""
        return AssignForm(action=self.action)

    @cached_property
    def snooze_form(self) -> SnoozeForm:
        """The usual times."""
        return SnoozeForm(initial={"until": "change"})
