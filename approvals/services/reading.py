"""Questions about actions that pages, the API and the services themselves ask."""

import uuid

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from approvals import quorum, reachable
from approvals.findings import Finding
from approvals.models import Action, Approval
from approvals.quorum import PersonFacts, Standing, Vote
from approvals.requirement import Requirement
from approvals.services.binding import requirement_of
from approvals.states import ActionStatus
from gateway.lib import ids
from gateway.lib.errors import Denied
from gateway.tenants import principals, roles
from gateway.tenants.freshness import Authentication
from gateway.tenants.models import Environment, Member, MemberRole, User
from gateway.tenants.principals import Principal

DECIDE = "approvals.decide_action"


def person_facts(member: Member, environment: Environment) -> PersonFacts:
    """What a requirement asks about a person."""
    return PersonFacts(
        user_id=member.user.public_id,
        roles=frozenset(member.roles_in(environment)),
        groups=frozenset(member.group_slugs()),
        email=member.user.email,
    )


def votes(action: Action) -> list[Approval]:
    """The votes that count for the action's present version."""
    return list(
        action.approvals.filter(action_version=action.version, void_at=None).select_related("user")
    )


def progress(action: Action, cast: list[Approval] | None = None) -> Standing:
    """How far each stage is, by the votes of those who may still decide.

    `cast` are the votes to count, where the caller looks at some of them only. A refusal counts
    whatever became of the person.
    """
    cast = votes(action) if cast is None else cast
    members = _members_by_user(action.environment, {vote.user_id for vote in cast})
    counted = []
    for vote in cast:
        member = members.get(vote.user_id)
        person = PersonFacts(vote.user.public_id)
        if member is not None and _could(action, member, stage=vote.stage):
            person = person_facts(member, action.environment)
        counted.append(Vote(person, vote.decision == Approval.Decision.APPROVE, vote.stage))
    return quorum.standing(requirement_of(action), counted)


def may_decide(action: Action, by: Principal, *, approving: bool = True) -> None:
    """Raises Denied, saying why, unless this principal may vote on the action.

    Without `approving`, unless they may reject or edit it, which its last editor may always.
    """
    if not by.is_member or by.user is None:
        raise Denied("not_a_member", "Only a member decides; machine keys never do.")
    if not by.has(DECIDE):
        raise Denied("not_permitted", "Your roles in this environment do not let you decide.")
    member = _member(by.user, action.environment)
    if member is None:
        raise Denied("not_permitted", "You are not an active member of this tenant.")
    person = person_facts(member, action.environment)
    found = _objection(action, person, stage=progress(action).open_stage, approving=approving)
    if found is not None:
        raise Denied(found.code, found.detail)


def must_step_up(action: Action, by: Principal) -> bool:
    """Whether this person has to prove again that they are there before they approve."""
    if not requirement_of(action).step_up:
        return False
    return by.authentication is None or not by.authentication.is_fresh_at(timezone.now())


def was_there(vote: Approval) -> bool:
    """Whether the vote was cast by somebody who had just proved it, where that is asked."""
    if not requirement_of(vote.action).step_up:
        return True
    if vote.authenticated_at is None:
        return False
    proof = Authentication(vote.authenticated_at, tuple(vote.authentication_methods))
    return proof.is_fresh_at(vote.created_at)


def _objection(
    action: Action, person: PersonFacts, *, stage: int | None = None, approving: bool = True
) -> Finding | None:
    return quorum.may_decide(
        requirement_of(action),
        person,
        requester_ids=people_behind(action),
        run_starter_id=_user(action.run_starter_id),
        editor_id=_user(action.editor_id),
        approving=approving,
        stage=stage,
    )


def _user(key: uuid.UUID | None) -> str | None:
    """The public id of a person known by key, without asking the database."""
    return ids.encode(User.PREFIX, key) if key else None


def people_behind(action: Action) -> frozenset[str]:
    """Who never decides this action: the people who answer for the request."""
    people = {action.requester_id} if action.requester_kind == "person" else set()
    if action.requester_owner:
        people.add(action.requester_owner.public_id)
    if action.agent.owner:
        people.add(action.agent.owner.user.public_id)
    return frozenset(people)


def eligible_reviewers(action: Action) -> list[Member]:
    """The members whom some stage of the action names and who may decide it, voted or not."""
    deciders = deciders_of(action.environment)
    return [member for member in deciders if _could(action, member)]


def next_voters(action: Action, standing: Standing) -> list[Member]:
    """The members who can vote now: named by the open stage, not heard yet; none once settled."""
    if action.status != ActionStatus.PENDING or standing.satisfied:
        return []
    voted = {vote.user_id for vote in votes(action)}
    return [
        member
        for member in deciders_of(action.environment)
        if member.user_id not in voted and _could(action, member, stage=standing.open_stage)
    ]


def would_be_last(action: Action, user: User) -> bool:
    """Whether an approval of this person, who may give it, is the only one that is missing."""
    member = _member(user, action.environment)
    if member is None:
        return False
    return progress(action).would_satisfy(person_facts(member, action.environment))


def asked(action: Action) -> str:
    """Who must agree, in words; empty where nobody is asked."""
    return requirement_of(action).words if action.requirement else ""


def can_anybody_decide(action: Action) -> bool:
    """Whether the people who have not voted yet are enough for what is still missing."""
    return not shortfall(action)


def shortfall(action: Action) -> str:
    """What is missing for the action ever to be approved, in words; empty where nothing is."""
    cast = votes(action)
    voted = {vote.user_id for vote in cast}
    left = [
        person_facts(member, action.environment)
        for member in eligible_reviewers(action)
        if member.user_id not in voted
    ]
    return reachable.missing(progress(action, cast), left)


def deciders_of(environment: Environment) -> list[Member]:
    """The active members whose roles in the environment let them decide; three queries."""
    deciding = [role for role, granted in roles.GRANTS.items() if DECIDE in granted]
    held = MemberRole.objects.filter(environment=environment, role__in=deciding)
    return list(_active(environment).filter(pk__in=held.values("member_id")))


def _could(action: Action, member: Member, *, stage: int | None = None) -> bool:
    if DECIDE not in principals.permissions_of(member, action.environment):
        return False
    return _objection(action, person_facts(member, action.environment), stage=stage) is None


def member_of(user: User, environment: Environment) -> Member | None:
    """The person's active membership in the environment's tenant."""
    return _member(user, environment)


def could_agree_alone(action: Action, user: User, wanted: Requirement) -> bool:
    """Whether this person may decide the action, and their word alone would be enough."""
    member = _member(user, action.environment)
    if member is None or DECIDE not in principals.permissions_of(member, action.environment):
        return False
    person = person_facts(member, action.environment)
    found = quorum.may_decide(
        wanted,
        person,
        requester_ids=people_behind(action),
        run_starter_id=_user(action.run_starter_id),
    )
    return found is None and quorum.standing(wanted, [Vote(person, approves=True)]).satisfied


def _active(environment: Environment) -> QuerySet[Member]:
    """The active members of the environment's tenant, with what is asked of them."""
    return (
        Member.objects.filter(tenant=environment.tenant, deactivated_at=None, user__is_active=True)
        .select_related("user", "tenant")
        .prefetch_related("roles", "groups")
    )


def _member(user: User, environment: Environment) -> Member | None:
    return _active(environment).filter(user=user).first()


def _members_by_user(environment: Environment, users: set[uuid.UUID]) -> dict[uuid.UUID, Member]:
    if not users:
        return {}
    return {member.user_id: member for member in _active(environment).filter(user__in=users)}


def waiting_for(user: User, environment: Environment) -> list[uuid.UUID]:
    """The pending actions that this person may decide now and has not voted on."""
    member = _member(user, environment)
    if member is None or DECIDE not in principals.permissions_of(member, environment):
        return []
    facts = person_facts(member, environment)
    cast = Approval.objects.filter(
        action=OuterRef("pk"), action_version=OuterRef("version"), user=user, void_at=None
    )
    rows = (
        Action.objects.within(environment)
        .pending()
        .filter(~Exists(cast))
        .select_related("requester_owner", "agent__owner__user", "environment__tenant")
        .defer("arguments", "rendered", "before", "after", "facts", "trace", "result")
    )
    mine = [row for row in rows if _objection(row, facts) is None]
    return [row.pk for row in mine if _is_turn_of(row, facts)]


def _is_turn_of(action: Action, person: PersonFacts) -> bool:
    if len(requirement_of(action).steps) == 1:
        return True
    return _objection(action, person, stage=progress(action).open_stage) is None
