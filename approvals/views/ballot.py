"""The ballot of a card: who is asked, who has voted, and what this person may do now."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext

from approvals import services
from approvals.forms import ApproveForm, RejectForm
from approvals.models import Action
from approvals.quorum import AlternativeStanding, StageStanding, Standing
from approvals.states import ActionStatus
from gateway.lib.errors import Denied
from gateway.tenants.principals import of_user

SHOWN_PEOPLE = 5


@dataclass(frozen=True)
class Way:
    """One alternative and how far it is: “1 of 2 from finance”."""

    have: int
    needed: int
    who: str
    is_met: bool


@dataclass(frozen=True)
class StageLine:
    """One stage: `done`, `now`, or empty while it is not its turn."""

    name: str
    state: str
    icon: str
    ways: tuple[Way, ...]


class Ballot:
    """The vote on one action, as one person sees it."""

    def __init__(self, action: Action, user: Any) -> None:
        self.action = action
        self.user = user

    def _may(self, permission: str) -> bool:
        return bool(self.user.has_perm(permission, self.action.environment))

    @property
    def is_open(self) -> bool:
        """Whether people can still decide."""
        return self.action.status == ActionStatus.PENDING

    @cached_property
    def standing(self) -> Standing:
        """How far each stage is."""
        return services.progress(self.action)

    @property
    def stages(self) -> list[StageLine]:
        """Each stage in its order; a requirement without stages is one without a name."""
        at, done = self.standing.open_stage, self.standing.satisfied
        return [
            _line(stage, "now" if number == at and not done else "done" if number <= at else "")
            for number, stage in enumerate(self.standing.stages)
        ]

    @property
    def tally(self) -> str:
        """How many of how many approvals the nearest alternative of the open stage has."""
        return gettext("{have} of {needed}").format(
            have=self.standing.have, needed=self.standing.needed
        )

    @property
    def where(self) -> str:
        """Which stage, or whose approvals, these are; empty where there is only one kind."""
        standing = self.standing
        if len(standing.stages) > 1:
            return gettext(" in stage {stage} of {stages}").format(
                stage=standing.open_stage + 1, stages=len(standing.stages)
            )
        if len(standing.current.alternatives) > 1:
            return gettext(" from {who}").format(who=_who(standing.current.nearest))
        return ""

    @property
    def rejections(self) -> str:
        """How many have refused, where one refusal does not end it."""
        standing = self.standing
        if standing.rejections_end_at == 1:
            return ""
        return gettext("{rejections} of {limit} rejections that end it").format(
            rejections=standing.rejections, limit=standing.rejections_end_at
        )

    @cached_property
    def votes(self) -> list[dict[str, Any]]:
        """The votes on this version, with the stage each was cast in where there are several."""
        votes = self.action.approvals.filter(void_at__isnull=True)
        names = [stage.name for stage in self.standing.stages]
        return [
            {
                "name": str(vote.user),
                "behalf": str(vote.on_behalf_of or ""),
                "initials": vote.user.initials,
                "is_me": vote.user_id == self.user.pk,
                "verdict": vote.decision,
                "stage": names[vote.stage] if vote.stage < len(names) else "",
            }
            for vote in votes.select_related("user", "on_behalf_of")
        ]

    @cached_property
    def can_still(self) -> str:
        """Who can vote next, by name; the first few of many."""
        people = [str(member.user) for member in services.next_voters(self.action, self.standing)]
        more = len(people) - SHOWN_PEOPLE
        shown = ", ".join(sorted(people)[:SHOWN_PEOPLE])
        return (
            gettext("{shown} and {more} more").format(shown=shown, more=more) if more > 0 else shown
        )

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
        found = services.unreadable(self.action.arguments)
        return found.detail if found else ""

    @property
    def can_decide(self) -> bool:
        """Whether the buttons are offered."""
        return self.is_open and not self.may_not and not self.has_voted

    @property
    def is_last(self) -> bool:
        """Whether this person's approval would be the last one of several."""
        is_one_of_many = self.standing.needed > 1 or len(self.standing.stages) > 1
        return self.can_decide and is_one_of_many and services.would_be_last(self.action, self.user)

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

    @cached_property
    def may_grant(self) -> bool:
        """Whether this person can let calls like this one through."""
        decided = not self.is_open and self.action.requirement is not None
        if not decided or not self._may("approvals.decide_action"):
            return False
        return not services.grants.objection(
            self.action, of_user(self.user, self.action.environment)
        )


def _line(stage: StageStanding, state: str) -> StageLine:
    ways = tuple(
        Way(way.have, max(1, way.alternative.quorum), _who(way), not way.missing)
        for way in stage.alternatives
    )
    icon = {"done": "circle-check", "now": "circle-dot"}.get(state, "circle")
    return StageLine(stage.name, state, icon, ways)


def _who(way: AlternativeStanding) -> str:
    """Whom an alternative names, without the kind of each name."""
    names = (name.partition(":")[2] for name in way.alternative.reviewers)
    return ", ".join(names) or gettext("any reviewer")
