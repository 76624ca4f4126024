"""What may run, told without the gate's own code: from rows, and from what people were seen to do.

The state machine asks it before each claim. It knows the votes that were really cast (a row in the
table of votes is none), and reads from the database who stands now, what policy says now, which
switch is on, which grant is in force.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from approvals.models import Action, Approval, GrantUse, KillSwitch
from gateway.tenants.models import Environment, Member

DECIDING = frozenset({"reviewer", "admin"})


@dataclass(frozen=True)
class Cast:
    """A vote that somebody was seen to cast, and the digest of what they were shown."""

    action: UUID
    version: int
    digest: str
    user: UUID
    behalf: UUID | None
    decision: str

    @property
    def approves(self) -> bool:
        """Whether it counts towards a quorum."""
        return self.decision == "approve"


@dataclass
class Oracle:
    """What is known beside the database: the policy in force, the votes, what each digest meant."""

    environment: Environment
    policy: dict[str, Any]
    cast: list[Cast] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    begun: dict[UUID, str] = field(default_factory=dict)
    editors: dict[UUID, set[UUID]] = field(default_factory=dict)

    def heard(self, vote: Approval) -> None:
        """Remember a vote that came from a person."""
        self.cast.append(
            Cast(
                vote.action_id, vote.action_version, vote.digest, vote.user_id,
                vote.on_behalf_of_id, vote.decision,
            )
        )  # fmt: skip

    def edited(self, action: UUID, user: UUID) -> None:
        """Remember who was seen to change what an action asks for; nobody is ever forgotten."""
        self.editors.setdefault(action, set()).add(user)

    def objection(self, pk: UUID) -> str:
        """Why this action must not be claimed now; empty where it may be."""
        row = Action.objects.select_related("tool_version__tool", "agent__owner").get(pk=pk)
        scopes = ["environment", f"agent:{row.agent.slug}", f"tool:{row.tool_name}"]
        if KillSwitch.objects.filter(turned_off_at=None, scope__in=scopes).exists():
            return "a kill switch is on"
        if row.status == "executing":
            return "" if self.begun.get(pk) == row.digest else "it never began lawfully"
        return self._not_due(row) or self._not_defined(row) or self._not_agreed(row)

    def _not_due(self, row: Action) -> str:
        now = timezone.now()
        if row.status != "approved":
            return f"it is {row.status}"
        if row.execute_by is None or row.execute_by <= now:
            return "its time is over"
        return "it is not due" if row.due_at is None or row.due_at > now else ""

    def _not_defined(self, row: Action) -> str:
        version = row.tool_version
        if version is None or version.tool.current_id != version.pk or not version.tool.is_enabled:
            return "its definition is not the tool's"
        return "" if self.shown.get(row.digest) == row.rendered else "the digest meant another"

    def _not_agreed(self, row: Action) -> str:
        if self.policy["verdict"] == "deny":
            return "policy denies it"
        if self._is_decided_alone(row):
            return ""
        if row.requirement is None:
            is_free = self.policy["verdict"] == "allow" or self._is_granted(row)
            return "" if is_free else "nobody was asked"
        asked = [row.requirement]
        if self.policy["verdict"] == "require_approval":
            asked.append(self.policy)
        return "" if all(self._is_satisfied(row, wanted) for wanted in asked) else "too few votes"

    def _is_satisfied(self, row: Action, wanted: dict[str, Any]) -> bool:
        return len(self.voters(row, wanted)) >= wanted.get("quorum", 1)

    def _votes(self, row: Action) -> list[Cast]:
        """What was decided on exactly this version."""
        present = (row.pk, row.version, row.digest)
        return [v for v in self.cast if (v.action, v.version, v.digest) == present]

    def _is_decided_alone(self, row: Action) -> bool:
        """Whether an admin broke the glass, who still is one, asked and edited nothing of it.

        And nobody refuses.
        """
        cast = self._votes(row)
        barred = self.behind(row) | self.editors.get(row.pk, set())
        return all(vote.decision != "reject" for vote in cast) and any(
            vote.decision == "break_glass"
            and vote.user not in barred
            and "role:admin" in self.names_of(vote.user)
            for vote in cast
        )

    def voters(self, row: Action, wanted: dict[str, Any]) -> set[UUID]:
        """The people whose approval of exactly this counts now."""
        cast = self._votes(row)
        refused = {vote.user for vote in cast if vote.decision == "reject"}
        own = {vote.user for vote in cast if vote.behalf is None}
        excluded = refused | self.behind(row)
        if wanted.get("edit_needs_second"):
            excluded |= self.editors.get(row.pk, set())
        named = set(wanted.get("reviewers") or ["role:reviewer"])
        return {
            vote.user
            for vote in cast
            if vote.approves
            and vote.user not in excluded
            and vote.behalf not in excluded | own
            and self._names(vote) & named
        }

    def behind(self, row: Action) -> set[UUID]:
        """Who answers for the request."""
        owner = row.agent.owner
        people = {row.requester_owner_id, owner.user_id if owner else None}
        return {person for person in people if person is not None}

    def _names(self, vote: Cast) -> set[str]:
        """What a vote's people are called in requirements; nothing where one stands no more."""
        names: set[str] = set()
        for user in filter(None, (vote.user, vote.behalf)):
            theirs = self.names_of(user)
            if not theirs:
                return set()
            names |= theirs
        return names

    def names_of(self, user: UUID) -> set[str]:
        """The roles and groups of a member who decides here; nothing for anybody else."""
        member = Member.objects.filter(
            tenant=self.environment.tenant_id, user=user, deactivated_at=None
        ).first()
        if member is None:
            return set()
        roles = set(
            member.roles.filter(environment=self.environment).values_list("role", flat=True)
        )
        if not roles & DECIDING:
            return set()
        groups = member.groups.values_list("slug", flat=True)
        implied = {"role:reviewer"} if "admin" in roles else set()
        return {f"role:{role}" for role in roles} | {f"group:{slug}" for slug in groups} | implied

    def _is_granted(self, row: Action) -> bool:
        use = GrantUse.objects.filter(action=row).select_related("grant").first()
        if use is None or use.grant.revoked_at or use.grant.expires_at <= timezone.now():
            return False
        maker = use.grant.made_by_id
        named = set(self.policy.get("reviewers") or ["role:reviewer"])
        return (
            self.policy.get("quorum", 1) == 1
            and maker not in self.behind(row)
            and bool(self.names_of(maker) & named)
        )


def arguments_of(rendered: str) -> Any:
    """What the fake connector is to be given, by the request that people were shown."""
    return json.loads(rendered)["arguments"]
