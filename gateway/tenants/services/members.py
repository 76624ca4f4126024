"""People in a tenant: who they are, their roles in each environment, and leaving."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.lib.errors import Refused, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment, Group, Member, MemberRole, Tenant, User
from gateway.tenants.principals import Principal
from gateway.tenants.services import standing, subjects


@transaction.atomic
def create_user(email: str, *, name: str, password: str | None, tenant: Tenant) -> User:
    """A person who can sign in, recorded by this tenant; the caller has judged the password."""
    user = User.objects.create_user(email, password, name=name)
    audit.record(
        AuditAction.USER_CREATED,
        target=Target("person", user.public_id),
        scope=tenant.audit_scope,
        actor=user.audit_actor,
        sealed=_who(tenant, user),
    )
    return user


def _who(tenant: Tenant, user: User) -> audit.Sealer:
    """Their name and address, which the log keeps for as long as their key exists."""
    return subjects.sealer(tenant, user.public_id, email=user.email, name=user.name)


def find_member(tenant: Tenant, text: str) -> Member:
    """The tenant's active member with this public id or e-mail address. Raises Refused."""
    members = Member.objects.filter(
        tenant=tenant, deactivated_at=None, user__is_active=True
    ).select_related("user", "tenant")
    found = members.public(text).first() or members.filter(user__email=text.lower()).first()
    if found is None:
        raise Refused("unknown_member", f"There is no active member {text[:80]!r}.")
    return found


def add_member(
    tenant: Tenant,
    user: User,
    *,
    roles: dict[str, list[str]],
    groups: Iterable[str] = (),
    by: Principal,
) -> Member:
    """Bring a person into the tenant, or back; `roles` by the environment's slug.

    Raises Denied, or Refused for an active member, an unknown environment, role or group.
    """
    person = Target("person", user.public_id)
    with unit_of_work(attempt=AuditAction.MEMBER_ADDED, target=person, scope=tenant.audit_scope):
        standing.lock(tenant)
        wanted, sets = standing.known_roles(tenant, roles), standing.known_groups(tenant, groups)
        standing.require_change(by, wanted)
        if sets:
            standing.require_change_of_tenant(by, tenant)
        return join(tenant, user, roles=wanted, groups=sets, by=by)


def join(
    tenant: Tenant, user: User, *, roles: dict[Environment, set[str]], groups: list[Group],
    by: Principal,
) -> Member:  # fmt: skip
    """Make the membership, inside the transaction of a caller that has checked who may do it."""
    member = Member.objects.filter(tenant=tenant, user=user).first()
    if member is not None and member.deactivated_at is None:
        raise Refused("already_member", "This person is a member already: change the roles.")
    if member is None:
        member = Member.objects.create(tenant=tenant, user=user)
    else:
        # Nobody comes back to old roles unseen.
        member.deactivated_at = None
        member.save()
        member.roles.all().delete()
    _record(AuditAction.MEMBER_ADDED, member, actor=by, sealed=_who(tenant, user))
    for environment, names in roles.items():
        _set_roles(member, environment, roles=names, by=by)
    _set_groups(member, groups, by=by)
    return member


def set_roles(
    member: Member, environment: Environment, *, roles: Iterable[str], by: Principal
) -> Member:
    """Give the member exactly these roles in one environment.

    Raises Denied, or Refused for an unknown role or when no admin would be left.
    """
    return change_member(member=member, roles={environment.slug: list(roles)}, groups=None, by=by)


def change_member(
    *,
    member: Member,
    roles: dict[str, list[str]],
    groups: Iterable[str] | None = None,
    by: Principal,
) -> Member:
    """Set the roles in the named environments and, unless None, the groups.

    What stays as it is needs no permission. Raises Denied, or Refused for an unknown name or when
    an environment would be left without an admin.
    """
    tenant = member.tenant
    with _attempt(AuditAction.MEMBER_CHANGED, member):
        standing.lock(tenant)
        ruled = standing.ruled(tenant)
        changed = {
            environment: names
            for environment, names in standing.known_roles(tenant, roles).items()
            if names != _held(member, environment)
        }
        standing.require_change(by, changed)
        for environment, names in changed.items():
            _set_roles(member, environment, roles=names, by=by)
        if groups is not None:
            _change_groups(member, standing.known_groups(tenant, groups), by=by)
        standing.keep_an_admin(tenant, before=ruled)
    return Member.objects.select_related("user", "tenant").get(pk=member.pk)


def deactivate_member(member: Member, *, by: Principal) -> Member:
    """End a membership: the person, and every key of theirs, loses all permissions here at once.

    Raises Denied, StaleState when it has ended, or Refused when no admin would be left.
    """
    with _attempt(AuditAction.MEMBER_DEACTIVATED, member):
        standing.lock(member.tenant)
        ruled = standing.ruled(member.tenant)
        standing.require_change_of_tenant(by, member.tenant)
        ended = Member.objects.filter(pk=member.pk, deactivated_at__isnull=True)
        if not ended.update(deactivated_at=timezone.now()):
            raise StaleState("This membership has ended already.")
        standing.keep_an_admin(member.tenant, before=ruled)
        _record(AuditAction.MEMBER_DEACTIVATED, member, actor=by)
    member.refresh_from_db()
    return member


def _attempt(action: AuditAction, member: Member) -> Any:
    return unit_of_work(
        attempt=action,
        target=Target("member", member.public_id),
        scope=member.tenant.audit_scope,
    )


def _held(member: Member, environment: Environment) -> set[str]:
    held = MemberRole.objects.filter(member=member, environment=environment)
    return set(held.values_list("role", flat=True))


def _set_roles(member: Member, environment: Environment, *, roles: set[str], by: Principal) -> None:
    before = _held(member, environment)
    if before == roles:
        return
    MemberRole.objects.filter(member=member, environment=environment).exclude(
        role__in=roles
    ).delete()
    for role in sorted(roles - before):
        MemberRole.objects.create(member=member, environment=environment, role=role)
    _record(
        AuditAction.MEMBER_CHANGED, member, actor=by, scope=environment.audit_scope,
        changes={"roles": [sorted(before), sorted(roles)]},
    )  # fmt: skip


def _change_groups(member: Member, groups: list[Group], *, by: Principal) -> None:
    if set(groups) != set(member.groups.all()):
        standing.require_change_of_tenant(by, member.tenant)
        _set_groups(member, groups, by=by)


def _set_groups(member: Member, groups: list[Group], *, by: Principal) -> None:
    before = sorted(member.groups.values_list("slug", flat=True))
    after = sorted(group.slug for group in groups)
    if before == after:
        return
    member.groups.set(groups)
    _record(AuditAction.MEMBER_CHANGED, member, actor=by, changes={"groups": [before, after]})


def _record(
    action: AuditAction,
    member: Member,
    *,
    actor: Principal,
    scope: Scope | None = None,
    changes: dict[str, list[Any]] | None = None,
    sealed: audit.Sealer | None = None,
) -> None:
    audit.record(
        action,
        target=Target("member", member.public_id),
        scope=scope or member.tenant.audit_scope,
        changes=changes,
        actor=actor.actor,
        sealed=sealed,
    )
