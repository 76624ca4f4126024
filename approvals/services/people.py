"""The people who may decide in an environment, as the rules of deciding see them."""

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db import models

from approvals.quorum import PersonFacts
from gateway.lib.prepared import Prepared
from gateway.tenants import principals, roles
from gateway.tenants.models import Environment, Member, MemberRole, Tenant, User

DECIDE = "approvals.decide_action"
# What is asked of each member beside the row.
ASKED = ("roles", "groups")


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
    names = [f"user_{number}" for number in range(len(wanted))]
    found = _members_of(len(names))(
        tenant=environment.tenant_id, **dict(zip(names, wanted, strict=True))
    )
    models.prefetch_related_objects(found, *ASKED)
    return {member.user_id: member for member in found}


def deciders_of(environment: Environment) -> list[Member]:
    """The active members whose roles in the environment let them decide; three queries."""
    deciding = [role for role, granted in roles.GRANTS.items() if DECIDE in granted]
    held = MemberRole.objects.filter(environment=environment, role__in=deciding)
    return list(_active(environment).filter(pk__in=held.values("member_id")))


def _active(environment: Environment) -> models.QuerySet[Member]:
    """The active members of the environment's tenant, with what is asked of them."""
    return _active_of(environment.tenant_id).prefetch_related(*ASKED)


def _active_of(tenant: Any) -> models.QuerySet[Member]:
    found = Member.objects.filter(tenant=tenant, deactivated_at=None, user__is_active=True)
    return found.select_related("user", "tenant")


@lru_cache(maxsize=16)
def _members_of(count: int) -> Prepared[Member]:
    """Active members of a tenant among so many people."""
    return Prepared(
        lambda tenant, **users: _active_of(tenant).filter(user__pk__in=users.values()),
        tenant=Tenant._meta.pk,
        **{f"user_{number}": User._meta.pk for number in range(count)},
    )
