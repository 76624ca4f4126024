"""What a person does at the door: signing in and out, and changing the password."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.tenants.models import User


def signed_in(user: User, methods: Iterable[str] = ()) -> None:
    """Record the sign-in, and by what, in every tenant the person belongs to."""
    record_of(AuditAction.SIGNED_IN, user, meta={"methods": sorted(methods)})


def signed_out(user: User) -> None:
    """Record the sign-out in every tenant the person belongs to."""
    record_of(AuditAction.SIGNED_OUT, user)


def stepped_up(user: User, methods: Iterable[str] = ()) -> None:
    """Record that the person proved once more, within a session, who they are, and by what."""
    record_of(AuditAction.STEPPED_UP, user, meta={"methods": sorted(methods)})


def password_changed(user: User) -> None:
    """Record that the password changed, in the transaction that changes it; never what it is."""
    record_of(AuditAction.PASSWORD_CHANGED, user)


@transaction.atomic
def record_of(action: AuditAction, user: User, **fields: Any) -> None:
    """Record what a person did with their own account, in every tenant they belong to."""
    target, actor = Target("person", user.public_id), user.audit_actor
    for scope in scopes_of(user):
        audit.record(action, target=target, scope=scope, actor=actor, **fields)


def scopes_of(user: User) -> list[Scope]:
    """The tenants in whose logs stands what the person does with their account."""
    members = user.memberships.filter(deactivated_at__isnull=True).select_related("tenant")
    return [member.tenant.audit_scope for member in members] or [Scope(None)]
