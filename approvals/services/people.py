"""The people who may decide in an environment, as the rules of deciding see them."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet

from approvals.quorum import PersonFacts
from gateway.tenants import principals, roles
from gateway.tenants.models import Environment, Member, MemberRole, User

DECIDE = "approvals.decide_action"


def person_facts(member: Member, environment: Environment) -> PersonFacts:
    """What a requirement asks about a person."""
    return PersonFacts(
        user_id=member.user.public_id,
        roles=frozenset(member.roles_in(environment)),
        groups=frozenset(member.group_slugs()),
        email=member.user.email,
    )


def is_decider(member: Member, environment: Environment) -> bool:
    """Whether the member's roles there let them decide anything at all."""
    return DECIDE in principals.permissions_of(member, environment)


def active_member(user: User, environment: Environment) -> Member | None:
    """The person's membership, while it counts."""
    return _active(environment).filter(user=user).first()


def members_by_user(
    environment: Environment, users: Iterable[uuid.UUID | None]
) -> dict[uuid.UUID, Member]:
    """The active members of the environment's tenant among these people; three queries."""
    wanted = set(users) - {None}
    if not wanted:
        return {}
    return {member.user_id: member for member in _active(environment).filter(user__in=wanted)}


def deciders_of(environment: Environment) -> list[Member]:
    """The active members whose roles in the environment let them decide; three queries."""
    deciding = [role for role, granted in roles.GRANTS.items() if DECIDE in granted]
    held = MemberRole.objects.filter(environment=environment, role__in=deciding)
    return list(_active(environment).filter(pk__in=held.values("member_id")))


def _active(environment: Environment) -> QuerySet[Member]:
    """The active members of the environment's tenant, with what is asked of them."""
    return (
        Member.objects.filter(tenant=environment.tenant, deactivated_at=None, user__is_active=True)
        .select_related("user", "tenant")
        .prefetch_related("roles", "groups")
    )
