"""The people who may decide in an environment, as the rules of deciding see them."""

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db import models

from approvals.quorum import PersonFacts
from gateway.lib.prepared import Prepared
from gateway.tenants import principals, roles
from gateway.tenants.models import Environment, Group, Member, MemberRole, Tenant, User

DECIDE = "approvals.decide_action"
# What is asked of each member beside the row.
ASKED = ("roles", "groups")
_JOINED: Any = Group.members.through


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
    wanted = [key for key in set(users) if key is not None]
    if not wanted:
        return {}
    found = _members_of(len(wanted))(tenant=environment.tenant_id, **_numbered(wanted))
    if found:
        _read_ahead(found)
    return {member.user_id: member for member in found}


def _read_ahead(members: list[Member]) -> None:
    """What is asked of each, as Django's own reading ahead leaves it, by two composed queries."""
    keys = _numbered(member.pk for member in members)
    roles, groups = _roles_of(len(members))(**keys), _groups_of(len(members))(**keys)
    for member in members:
        held = [role for role in roles if role.member_id == member.pk]
        joined = [one.group for one in groups if one.member_id == member.pk]
        kept = (_answered(MemberRole, held), _answered(Group, joined))
        member._prefetched_objects_cache = dict(zip(ASKED, kept, strict=True))  # type: ignore[attr-defined]  # Django's own


def _answered(model: type[models.Model], rows: list[Any]) -> models.QuerySet[Any]:
    answered: Any = models.QuerySet(model)
    answered._result_cache, answered._prefetch_done = rows, True
    return answered


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


def _numbered(values: Iterable[Any]) -> dict[str, Any]:
    return {f"n{number}": value for number, value in enumerate(values)}


@lru_cache(maxsize=16)
def _members_of(count: int) -> Prepared[Member]:
    """Active members of a tenant among so many people."""
    return Prepared(
        lambda tenant, **users: _active_of(tenant).filter(user__pk__in=users.values()),
        tenant=Tenant._meta.pk,
        **_numbered([User._meta.pk] * count),
    )


@lru_cache(maxsize=16)
def _roles_of(count: int) -> Prepared[MemberRole]:
    """The roles of so many members."""
    return Prepared(
        lambda **members: MemberRole.objects.filter(member__pk__in=members.values()),
        **_numbered([Member._meta.pk] * count),
    )


@lru_cache(maxsize=16)
def _groups_of(count: int) -> Prepared[Any]:
    """Which groups so many members are in, a row for each with its group."""
    return Prepared(
        lambda **members: _JOINED.objects.filter(member__pk__in=members.values()).select_related(
            "group"
        ),
        **_numbered([Member._meta.pk] * count),
    )
