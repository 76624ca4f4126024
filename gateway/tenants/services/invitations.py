"""Invitations: a link that is shown once and works once, while its sender could still invite."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import ids
from gateway.lib.errors import Refused, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment, Invitation, Member, Tenant, User
from gateway.tenants.models.access import digest_of
from gateway.tenants.principals import Principal, of_user
from gateway.tenants.services import members, standing, subjects

VALID_FOR = timedelta(days=7)
TOKEN_MARK = "join"  # noqa: S105 - a prefix, not a secret
MAX_NAME = 120


def invite(
    *,
    environment: Environment,
    email: str,
    roles: dict[str, list[str]],
    groups: Iterable[str] = (),
    by: Principal,
) -> tuple[Invitation, str]:
    """An invitation to the environment's tenant and its secret, which is shown this once.

    An older open invitation of the same address ends. Raises Denied, or Refused for a malformed
    address, an active member, no role at all, or an unknown environment, role or group.
    """
    tenant = environment.tenant
    place = Target("tenant", tenant.public_id)
    with unit_of_work(
        attempt=AuditAction.INVITATION_CREATED, target=place, scope=tenant.audit_scope
    ):
        standing.lock(tenant)
        address = _address(email)
        wanted = {at: names for at, names in standing.known_roles(tenant, roles).items() if names}
        slugs = sorted(group.slug for group in standing.known_groups(tenant, groups))
        sender = _permit(tenant, by, wanted=wanted, groups=slugs)
        if _is_member(tenant, address):
            raise Refused("already_member", "This person is a member already: change the roles.")
        for older in _open(tenant).filter(email=address):
            _revoke(older, by)
        token = ids.random_token(TOKEN_MARK)
        invitation = Invitation.objects.create(
            tenant=tenant, email=address, groups=slugs, digest=digest_of(token),
            roles={at.slug: sorted(names) for at, names in wanted.items()},
            invited_by=sender, expires_at=timezone.now() + VALID_FOR,
        )  # fmt: skip
        _record(
            AuditAction.INVITATION_CREATED, invitation, by=by,
            changes={"roles": [None, invitation.roles], "groups": [None, slugs]},
            sealed=subjects.sealer(tenant, address, email=address),
        )  # fmt: skip
    return invitation, token


def open_invitation(token: str) -> Invitation | None:
    """The invitation behind a link, while it can be accepted."""
    found = Invitation.objects.select_related("tenant", "invited_by").filter(
        digest=digest_of(token), accepted_at__isnull=True, revoked_at__isnull=True,
        expires_at__gt=timezone.now(),
    ).first()  # fmt: skip
    return found if found and _still_stands(found) else None


def open_for(tenant: Tenant, address: str) -> Invitation | None:
    """The open invitation of this address, while its sender could still send it."""
    rows = _open(tenant).filter(email=address, expires_at__gt=timezone.now())
    found = rows.select_related("tenant", "invited_by").order_by("-id").first()
    return found if found and _still_stands(found) else None


def accept_known(invitation: Invitation, user: User) -> None:
    """Join by it a person whose address the tenant's identity provider has verified.

    Inside the transaction of a caller that holds the tenant's lock.
    """
    _open(invitation.tenant).filter(pk=invitation.pk).update(accepted_at=timezone.now())
    _join(invitation, user)


def accept_invitation(*, invitation: Invitation, name: str, password: str) -> User:
    """Join the tenant. A newcomer gets an account; who has one proves it by its password.

    Raises Refused for a wrong or weak password or a missing name, StaleState when the invitation
    was used, revoked or is too old.
    """
    tenant = invitation.tenant
    with unit_of_work(
        attempt=AuditAction.INVITATION_ACCEPTED, target=_target(invitation),
        scope=tenant.audit_scope,
    ):  # fmt: skip
        standing.lock(tenant)
        now = timezone.now()
        fresh = _open(tenant).filter(pk=invitation.pk, expires_at__gt=now)
        if not _still_stands(invitation) or not fresh.update(accepted_at=now):
            raise StaleState("This invitation no longer works: ask for a new one.")
        user = _account(invitation, name=name, password=password)
        _join(invitation, user)
    return user


def _join(invitation: Invitation, user: User) -> None:
    tenant = invitation.tenant
    person = of_user(user, tenant.environments.earliest("created_at"))
    members.join(
        tenant, user, roles=standing.known_roles(tenant, invitation.roles),
        groups=standing.known_groups(tenant, invitation.groups), by=person,
    )  # fmt: skip
    _record(AuditAction.INVITATION_ACCEPTED, invitation, by=person)


def revoke_invitation(*, invitation: Invitation, by: Principal) -> None:
    """Take an open invitation back. Raises Denied, or StaleState when it is not open any more."""
    with unit_of_work(
        attempt=AuditAction.INVITATION_REVOKED, target=_target(invitation),
        scope=invitation.tenant.audit_scope,
    ):  # fmt: skip
        places = standing.known_roles(invitation.tenant, invitation.roles)
        # Whoever may change people in one of its environments may refuse the newcomer.
        if not any(standing.may_change(by, place) for place in places):
            standing.require_change(by, places)
        _revoke(invitation, by)


def _revoke(invitation: Invitation, by: Principal) -> None:
    rows = _open(invitation.tenant).filter(pk=invitation.pk)
    if not rows.update(revoked_at=timezone.now()):
        raise StaleState("This invitation was used or revoked already.")
    _record(AuditAction.INVITATION_REVOKED, invitation, by=by)


def _permit(
    tenant: Tenant, by: Principal, *, wanted: Collection[Environment], groups: list[str]
) -> User:
    """The member who sends it, if that member may."""
    if not wanted:
        raise Refused("roles_missing", "Choose at least one role in one environment.")
    standing.require_change(by, wanted)
    if groups:
        standing.require_change_of_tenant(by, tenant)
    if by.user is None:
        raise Refused("no_sender", "An invitation needs a member who sends it.")
    return by.user


def _still_stands(invitation: Invitation) -> bool:
    """Whether its sender could still send it: a removed admin leaves no back door."""
    places = invitation.tenant.environments.filter(slug__in=list(invitation.roles))
    sender = invitation.invited_by
    return all(sender.has_perm(standing.CHANGE, place) for place in places)


def _account(invitation: Invitation, *, name: str, password: str) -> User:
    user = User.objects.filter(email=invitation.email).first()
    if user is None:
        return _new_account(invitation, name=name.strip(), password=password)
    # The address alone proves nothing: whoever sent the invitation could have read its link.
    if not user.is_active or not user.check_password(password):
        raise Refused("wrong_password", "This is not the password of your account.")
    return user


def _new_account(invitation: Invitation, *, name: str, password: str) -> User:
    if not name or len(name) > MAX_NAME:
        raise Refused("name_missing", f"Give your name, with at most {MAX_NAME} characters.")
    try:
        validate_password(password, User(email=invitation.email, name=name))
    except ValidationError as error:
        raise Refused("weak_password", " ".join(error.messages)) from error
    return members.create_user(
        invitation.email, name=name, password=password, tenant=invitation.tenant
    )


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise Refused("email_invalid", "This is not an e-mail address.") from error
    return address


def _is_member(tenant: Tenant, address: str) -> bool:
    active = Member.objects.filter(tenant=tenant, deactivated_at__isnull=True)
    return active.filter(user__email=address).exists()


def _open(tenant: Tenant) -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        tenant=tenant, accepted_at__isnull=True, revoked_at__isnull=True
    )


def _target(invitation: Invitation) -> Target:
    return Target("invitation", invitation.public_id)


def _record(
    action: AuditAction,
    invitation: Invitation,
    *,
    by: Principal,
    changes: dict[str, list[object]] | None = None,
    sealed: audit.Sealer | None = None,
) -> None:
    audit.record(
        action,
        target=_target(invitation),
        scope=invitation.tenant.audit_scope,
        changes=changes,
        actor=by.actor,
        sealed=sealed,
    )
