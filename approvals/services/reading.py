"""Questions about actions that pages, the API and the services themselves ask."""

import uuid

from django.db.models import Exists, OuterRef

from approvals import quorum
from approvals.findings import Finding
from approvals.models import Action, Approval
from approvals.quorum import PersonFacts, Standing, Vote
from approvals.services.binding import requirement_of
from gateway.lib import ids
from gateway.lib.errors import Denied
from gateway.tenants import principals
from gateway.tenants.models import Environment, Member, User
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


def progress(action: Action) -> Standing:
    """How many approvals are there, and how many are needed."""
    cast = [Vote(vote.user.public_id, vote.decision == "approve") for vote in votes(action)]
    return quorum.standing(requirement_of(action), cast)


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
    _check_person(action, member, approving=approving)


def _check_person(action: Action, member: Member, *, approving: bool = True) -> None:
    found = _objection(action, person_facts(member, action.environment), approving=approving)
    if found is not None:
        raise Denied(found.code, found.detail)


def _objection(action: Action, person: PersonFacts, *, approving: bool = True) -> Finding | None:
    return quorum.may_decide(
        requirement_of(action),
        person,
        requester_ids=people_behind(action),
        run_starter_id=_user(action.run_starter_id),
        editor_id=_user(action.editor_id),
        approving=approving,
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
    """The members who could still approve this action."""
    members = (
        Member.objects.filter(
            tenant=action.environment.tenant, deactivated_at=None, user__is_active=True
        )
        .select_related("user", "tenant")
        .prefetch_related("roles", "groups")
    )
    return [member for member in members if _could(action, member)]


def can_anybody_decide(action: Action) -> bool:
    """Whether enough eligible people exist to reach the quorum."""
    return len(eligible_reviewers(action)) >= requirement_of(action).quorum


def _could(action: Action, member: Member) -> bool:
    if DECIDE not in principals.permissions_of(member, action.environment):
        return False
    try:
        _check_person(action, member)
    except Denied:
        return False
    return True


def _member(user: User, environment: Environment) -> Member | None:
    return (
        Member.objects.filter(
            tenant=environment.tenant, user=user, deactivated_at=None, user__is_active=True
        )
        .select_related("user")
        .first()
    )


def still_stands(approval: Approval) -> bool:
    """Whether the member who voted may still decide, now that the action is to be carried out."""
    action = approval.action
    member = _member(approval.user, action.environment)
    return member is not None and _could(action, member)


def waiting_for(user: User, environment: Environment) -> list[uuid.UUID]:
    """The pending actions that this person may decide and has not voted on."""
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
        .select_related("requester_owner", "agent__owner__user")
        .defer("arguments", "rendered", "before", "after", "facts", "trace", "result")
    )
    return [row.pk for row in rows if _objection(row, facts) is None]
