"""One action as a line of a list: what lists, inbox and run pages show alike."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from approvals.models import Action
from approvals.recipients import external
from approvals.states import ActionStatus
from gateway.lib.clock import database_now
from gateway.lib.visible import hidden_count


@dataclass(frozen=True)
class Flag:
    """A small mark on a row: an icon and a word."""

    icon: str
    word: str


class Row:
    """An action on one line."""

    def __init__(self, action: Action, *, inbox: str = "") -> None:
        self.action = action
        self.inbox = inbox

    @cached_property
    def url(self) -> str:
        """The action's own page."""
        return place(self.action, "approvals:detail", action=self.action.public_id)

    @property
    def pane_url(self) -> str:
        """The inbox with this action beside it."""
        mark = "&" if "?" in self.inbox else "?"
        return f"{self.inbox}{mark}selected={self.action.public_id}"

    @property
    def effect(self) -> str:
        """What will happen, as a sentence; a refused call has only its tool's name."""
        return self.action.effect or gettext("Call {tool_name}").format(
            tool_name=self.action.tool_name
        )

    @property
    def tool(self) -> str:
        """The tool's name as asked for."""
        return self.action.tool_name

    @property
    def agent(self) -> str:
        """Who asked."""
        return self.action.agent.slug

    @property
    def is_asked(self) -> bool:
        """Whether people decide it."""
        return self.action.requirement is not None

    @cached_property
    def is_held(self) -> bool:
        """Whether it is approved and waits out its hold, by the clock that ends it."""
        action = self.action
        if action.status != ActionStatus.APPROVED or action.due_at is None:
            return False
        # Lists read it with their rows; a page of one action asks once.
        rests = getattr(action, "rests", None)
        return action.due_at > database_now() if rests is None else bool(rests)

    @cached_property
    def have(self) -> int:
        """How many have agreed to this version."""
        votes = [vote for vote in self.action.approvals.all() if vote.void_at is None]
        version = self.action.version
        return sum(v.decision == "approve" and v.action_version == version for v in votes)

    @property
    def tally(self) -> str:
        """“1/2”; where there are alternatives or stages only how many have agreed."""
        asked = self.action.requirement or {}
        if asked.get("alternatives") or asked.get("stages"):
            return gettext("{have} approved").format(have=self.have)
        return f"{self.have}/{asked.get('quorum', 1)}"

    @cached_property
    def hidden(self) -> int:
        """How many characters of the arguments hide from the eye or look like others."""
        return hidden_count(self.action.arguments)

    @property
    def care(self) -> str:
        """Who is on it or should be, in words; empty where nobody is."""
        action = self.action
        if action.status != ActionStatus.PENDING:
            return ""
        if action.taken_until is not None and action.taken_until > timezone.now():
            return gettext("{taken_by} is on it").format(taken_by=action.taken_by)
        assigned = action.assignee or action.assigned_group
        return gettext("assigned to {assigned}").format(assigned=assigned) if assigned else ""

    @cached_property
    def external(self) -> int:
        """How many it reaches by mail outside the environment's own domains."""
        action, domains = self.action, self.action.environment.own_domains
        if not domains:
            return 0
        affected = [(one["kind"], one["id"]) for one in action.affected]
        named = [(kind, id) for kind, _, id in (text.partition(":") for text in action.target)]
        arguments = action.arguments_value if "@" in action.arguments else None
        return len(external(arguments, affected=[*affected, *named], domains=domains))

    @cached_property
    def flags(self) -> list[Flag]:
        """What deserves a second look."""
        found = []
        if self.action.has_other_arguments:
            found.append(Flag("pencil", gettext("edited")))
        elif self.action.version > 1:
            found.append(
                Flag("pencil", gettext("version {version}").format(version=self.action.version))
            )
        if self.action.escalated_at is not None:
            found.append(Flag("trending-up", gettext("escalated")))
        elif self.action.reminded_at is not None:
            found.append(Flag("clock-exclamation", gettext("reminded")))
        # Asked for with the rows of a list; the card has a line of its own.
        if getattr(self.action, "is_first_use", False):
            found.append(Flag("sparkles", gettext("first time")))
        if self.external:
            found.append(Flag("mail-exclamation", gettext("external recipient")))
        if self.action.preview_error:
            found.append(Flag("eye-off", gettext("no live read")))
        if self.action.status == ActionStatus.UNKNOWN:
            found.append(Flag("help-circle", gettext("outcome unknown")))
        return found


def place(row: Any, name: str, **parts: str) -> str:
    """The address of a page in the row's environment."""
    environment = row.environment
    where = {"tenant": environment.tenant.slug, "environment": environment.slug}
    return reverse(name, kwargs={**where, **parts})
