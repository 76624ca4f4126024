"""Groups: named sets of members that approvals are routed to."""

from collections.abc import Iterable

from django.utils.text import slugify

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib.errors import Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment, Group, Member, Tenant
from gateway.tenants.principals import Principal
from gateway.tenants.services import standing

MAX_SLUG = 40


def create_group(*, environment: Environment, slug: str, name: str, by: Principal) -> Group:
    """A new, empty group of the environment's tenant; policies name it `group:slug`.

    Raises Denied, or Refused for a slug that is malformed or taken.
    """
    tenant = environment.tenant
    place = Target("tenant", tenant.public_id)
    with unit_of_work(attempt=AuditAction.GROUP_CREATED, target=place, scope=tenant.audit_scope):
        standing.require_change_of_tenant(by, tenant)
        _check_slug(tenant, slug)
        group = Group.objects.create(tenant=tenant, slug=slug, name=name)
        audit.record(
            AuditAction.GROUP_CREATED,
            target=Target("group", group.public_id),
            scope=tenant.audit_scope,
            changes={"slug": [None, slug]},
            actor=by.actor,
        )
    return group


def set_group_members(group: Group, *, members: Iterable[Member], by: Principal) -> Group:
    """Put exactly these members into the group.

    Raises Denied, or Refused for a member of another tenant.
    """
    target = Target("group", group.public_id)
    with unit_of_work(
        attempt=AuditAction.GROUP_CHANGED, target=target, scope=group.tenant.audit_scope
    ):
        standing.lock(group.tenant)
        standing.require_change_of_tenant(by, group.tenant)
        wanted = list(members)
        if any(member.tenant_id != group.tenant_id for member in wanted):
            raise Refused("unknown_member", "A group holds members of its own tenant only.")
        before = sorted(member.public_id for member in group.members.all())
        group.members.set(wanted)
        audit.record(
            AuditAction.GROUP_CHANGED,
            target=target,
            scope=group.tenant.audit_scope,
            changes={"members": [before, sorted(member.public_id for member in wanted)]},
            actor=by.actor,
        )
    return group


def _check_slug(tenant: Tenant, slug: str) -> None:
    if not slug or slug != slugify(slug)[:MAX_SLUG]:
        raise Refused("slug_invalid", "A slug has up to 40 small letters, digits and hyphens.")
    if Group.objects.of(tenant).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is a group {slug!r} already.")
