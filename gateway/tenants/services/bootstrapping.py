"""The first tenant and its first admin, from the command line."""

import secrets
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from gateway.lib.errors import Refused
from gateway.tenants import principals
from gateway.tenants.models import Environment, Member, Tenant, User
from gateway.tenants.roles import Role
from gateway.tenants.services import members, places

PASSWORD_BYTES = 15


@dataclass(frozen=True)
class Bootstrapped:
    """What stands now; `password` only where this call has made the account."""

    tenant: Tenant
    sandbox: Environment
    member: Member
    password: str | None
    is_new_member: bool


@transaction.atomic
def bootstrap(
    slug: str, email: str, *, tenant_name: str = "", name: str = "", password: str = ""
) -> Bootstrapped:
    """Make sure that the tenant exists and the person is in it; a new member becomes its admin.

    Without a password a new account gets one by chance. Repeating it changes nothing. Raises
    Refused for a malformed slug or address, or a person whose membership was ended.
    """
    try:
        validate_email(email)
    except ValidationError as error:
        raise Refused("email_invalid", f"{email!r} is not an e-mail address.") from error
    tenant = Tenant.objects.filter(slug=slug).first()
    tenant = tenant or places.create_tenant(tenant_name or slug.replace("-", " ").title(), slug)
    sandbox = tenant.environments.filter(kind=Environment.Kind.SANDBOX).earliest("created_at")
    user, made = _account(email, tenant, name=name, password=password)
    member = Member.objects.filter(tenant=tenant, user=user).first()
    if member is not None and not member.is_active:
        raise Refused("deactivated", "This person was removed: a member must invite them again.")
    is_new = member is None
    member = member or _admin(tenant, user, sandbox)
    return Bootstrapped(tenant, sandbox, member, made, is_new)


def _account(email: str, tenant: Tenant, *, name: str, password: str) -> tuple[User, str | None]:
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is not None:
        return user, None
    password = password or secrets.token_urlsafe(PASSWORD_BYTES)
    made = members.create_user(email, name=name, password=password, tenant=tenant)
    return made, password


def _admin(tenant: Tenant, user: User, sandbox: Environment) -> Member:
    everywhere = {place.slug: [Role.ADMIN.value] for place in tenant.environments.all()}
    return members.add_member(tenant, user, roles=everywhere, by=principals.system(sandbox))
