"""Who comes in by the organisation's own sign-in: members, the invited, and mapped groups' people.

Nobody signs up: the identity provider says who somebody is, the tenant whether they belong here.
"""

from dataclasses import dataclass

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.lib.errors import Denied, Refused
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants import principals
from gateway.tenants.models import Member, Tenant, User
from gateway.tenants.services import invitations, members, sessions, standing

PROVIDER = "sso"
MAX_NAME = 120


@dataclass(frozen=True)
class Claims:
    """What the identity provider says of somebody; the address counts only where it is verified."""

    subject: str
    email: str
    is_verified: bool
    name: str = ""
    groups: frozenset[str] = frozenset()


def arrive(claims: Claims) -> SocialAccount:
    """The link of this person's account there to the one here, made at the first arrival.

    Raises Denied for who does not belong here, Refused where single sign-on is not set up.
    """
    tenant = Tenant.objects.filter(slug=settings.OIDC_TENANT).first()
    target = Target("tenant", tenant.public_id if tenant else settings.OIDC_TENANT)
    scope = tenant.audit_scope if tenant else Scope(None)
    with unit_of_work(attempt=AuditAction.SSO_LINKED, target=target, scope=scope):
        if tenant is None:
            raise Refused("sso_not_set_up", "Single sign-on names no tenant: tell your admin.")
        known = SocialAccount.objects.filter(provider=PROVIDER, uid=claims.subject).first()
        if known is not None:
            _check_belongs(tenant, known.user)
            return known
        user = _found(tenant, claims)
        made = SocialAccount.objects.create(user=user, provider=PROVIDER, uid=claims.subject)
        sessions.record_of(AuditAction.SSO_LINKED, user)
        return made


def _found(tenant: Tenant, claims: Claims) -> User:
    address = claims.email.strip().lower()
    if not address or not claims.is_verified:
        raise Denied("address_not_verified", "Your organisation has not verified your address.")
    standing.lock(tenant)
    user = User.objects.filter(email=address).first()
    if user is None or not _is_member(tenant, user):
        user = _join(tenant, user, address, claims)
    _check_belongs(tenant, user)
    if SocialAccount.objects.filter(provider=PROVIDER, user=user).exists():
        raise Denied("linked_otherwise", "Another account of your organisation is linked to yours.")
    return user


def _join(tenant: Tenant, user: User | None, address: str, claims: Claims) -> User:
    invited = invitations.open_for(tenant, address)
    if invited is None and (user is not None or not _roles(claims)):
        raise Denied("not_invited", "You are no member here: ask an administrator to invite you.")
    name = claims.name.strip()[:MAX_NAME] or address
    user = user or members.create_user(address, name=name, password=None, tenant=tenant)
    if invited is not None:
        invitations.accept_known(invited, user)
        return user
    places = standing.known_roles(tenant, _roles(claims))
    by = principals.of_user(user, tenant.environments.earliest("created_at"))
    members.join(tenant, user, roles=places, groups=[], by=by)
    return user


def _roles(claims: Claims) -> dict[str, list[str]]:
    """The roles by environment that the person's groups there stand for."""
    found: dict[str, set[str]] = {}
    for group in claims.groups & set(settings.OIDC_GROUPS):
        for place, role in settings.OIDC_GROUPS[group]:
            found.setdefault(place, set()).add(role)
    return {place: sorted(names) for place, names in found.items()}


def _check_belongs(tenant: Tenant, user: User) -> None:
    """Raises Denied unless the person is active here and only where this provider has a say."""
    if not user.is_active or not _is_member(tenant, user):
        raise Denied("not_a_member", "Your membership was ended: ask an administrator.")
    elsewhere = Member.objects.filter(user=user, deactivated_at=None).exclude(tenant=tenant)
    if user.is_superuser or elsewhere.exists():
        raise Denied(
            "reaches_further", "Your account reaches beyond this organisation: use your password."
        )


def _is_member(tenant: Tenant, user: User) -> bool:
    return Member.objects.filter(tenant=tenant, user=user, deactivated_at=None).exists()
