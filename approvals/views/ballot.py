"""The ballot of a card: who is asked, who has voted, and what this person may do now."""

from functools import cached_property
from typing import Any

from approvals import services
from approvals.forms import ApproveForm, RejectForm
from approvals.models import Action
from approvals.states import ActionStatus
from gateway.lib.errors import Denied
from gateway.tenants.principals import of_user


class Ballot:
    """The vote on one action, as one person sees it."""

    def __init__(self, action: Action, user: Any, *, have: int, needed: int) -> None:
        self.action = action
        self.user = user
        self.have = have
        self.needed = needed

    def _may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission, self.action.environment))

    @property
    def is_open(self) -> bool:
        """Whether people can still decide."""
        return self.action.status == ActionStatus.PENDING

    @property
    def reviewers(self) -> str:
        """Who is asked, in words."""
        asked = (self.action.requirement or {}).get("reviewers") or ["any reviewer"]
        return ", ".join(str(name).replace("role:", "").replace("group:", "") for name in asked)

    @cached_property
    def votes(self) -> list[dict[str, Any]]:
        """The votes on this version."""
        votes = self.action.approvals.filter(void_at__isnull=True).select_related("user")
        return [
            {
                "name": str(vote.user),
                "initials": vote.user.initials,
                "is_me": vote.user_id == self.user.pk,
                "verdict": vote.decision,
            }
            for vote in votes
        ]

    @property
    def has_voted(self) -> bool:
        """Whether this person has decided already."""
        return any(vote["is_me"] for vote in self.votes)

    @cached_property
    def may_not(self) -> str:
        """Why this person cannot decide; empty when they can."""
        try:
            services.may_decide(self.action, of_user(self.user, self.action.environment))
        except Denied as error:
            return error.detail
        return ""

    @property
    def can_decide(self) -> bool:
        """Whether the buttons are offered."""
        return self.is_open and not self.may_not and not self.has_voted

    @property
    def is_last(self) -> bool:
        """Whether this person's approval would be the last one needed."""
        return self.can_decide and self.needed > 1 and self.have == self.needed - 1

    @property
    def may_cancel(self) -> bool:
        """Whether this person can withdraw it."""
        open_ = self.action.status in (ActionStatus.PENDING, ActionStatus.APPROVED)
        return open_ and self._may("approvals.cancel_action")

    @cached_property
    def approve_form(self) -> ApproveForm:
        """An empty form, bound to the digest that is shown."""
        return ApproveForm(initial={"digest": self.action.digest})

    @cached_property
    def reject_form(self) -> RejectForm:
        """An empty form, bound to the digest that is shown."""
        return RejectForm(initial={"digest": self.action.digest})
