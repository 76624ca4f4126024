"""Who may change people, and the one thing nobody may do: leave an environment without an admin."""

from collections.abc import Iterable
from typing import Any

from gateway.lib.errors import Denied, Refused
from gateway.tenants.models import Environment, Group, Member, MemberRole, Tenant
from gateway.tenants.principals import Principal
from gateway.tenants.roles import Role

CHANGE = "tenants.change_member"
SYSTEM = "system"


def may_change(by: Principal, environment: Environment) -> bool:
    """Whether this principal may change people here.

    A key counts in its own environment only; a person signed in counts wherever the roles do.
    """
    if by.kind == SYSTEM or by.environment == environment:
        return by.kind == SYSTEM or by.has(CHANGE)
    return by.user is not None and by.api_key is None and by.user.has_perm(CHANGE, environment)


def require_change(by: Principal, environments: Iterable[Environment]) -> None:
    """Raises Denied unless the principal may change people in every one of them."""
    for environment in environments:
        if not may_change(by, environment):
            raise Denied(
                "not_permitted", f"Only an admin of {environment.name} may change people there."
            )


def require_change_of_tenant(by: Principal, tenant: Tenant) -> None:
    """Raises Denied unless the principal may change what counts in the whole tenant.

    Groups and memberships reach into production, so it takes an admin there, where there is one.
    """
    places = tenant.environments.all()
    production = [place for place in places if place.kind == Environment.Kind.PRODUCTION]
    if not any(may_change(by, place) for place in production or places):
        raise Denied("not_permitted", "This counts in production: ask an admin there to do it.")


def ruled(tenant: Tenant) -> set[Any]:
    """The environments that have an active admin, by id."""
    active = Member.objects.filter(tenant=tenant, deactivated_at__isnull=True, user__is_active=True)
    held = MemberRole.objects.filter(member__in=active, role=Role.ADMIN)
    return set(held.values_list("environment", flat=True))


def keep_an_admin(tenant: Tenant, *, before: set[Any]) -> None:
    """Raises Refused when an environment that had an active admin has none any more."""
    if orphans := tenant.environments.filter(pk__in=before - ruled(tenant)).order_by("slug"):
        names = ", ".join(place.name for place in orphans)
        raise Refused("last_admin", f"Nobody would be left as admin of {names}: name one first.")


def lock(tenant: Tenant) -> None:
    """One change of a tenant's people at a time, so that two admins cannot remove each other."""
    Tenant.objects.select_for_update().get(pk=tenant.pk)


def known_roles(tenant: Tenant, roles: dict[str, list[str]]) -> dict[Environment, set[str]]:
    """The environments behind the slugs; raises Refused for an unknown one, or an unknown role."""
    places = {place.slug: place for place in tenant.environments.select_related("tenant")}
    if unknown := set(roles) - set(places):
        raise Refused("unknown_environment", f"There is no environment {_words(unknown)}.")
    if unknown := {name for names in roles.values() for name in names} - set(Role.values):
        raise Refused("unknown_role", f"There is no role {_words(unknown)}.")
    return {places[slug]: set(names) for slug, names in roles.items()}


def known_groups(tenant: Tenant, slugs: Iterable[str]) -> list[Group]:
    """The groups behind the slugs; raises Refused for an unknown one."""
    wanted = set(slugs)
    found = list(Group.objects.of(tenant).filter(slug__in=wanted))
    if unknown := wanted - {group.slug for group in found}:
        raise Refused("unknown_group", f"There is no group {_words(unknown)}.")
    return found


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(repr(name) for name in names))
