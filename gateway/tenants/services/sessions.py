"""What a person does at the door: signing in and out, and changing the password."""

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.tenants.models import User


def signed_in(user: User) -> None:
    """Record the sign-in in every tenant the person belongs to."""
    _record(AuditAction.SIGNED_IN, user)


def signed_out(user: User) -> None:
    """Record the sign-out in every tenant the person belongs to."""
    _record(AuditAction.SIGNED_OUT, user)


def stepped_up(user: User) -> None:
    """Record that the person proved once more, within a session, who they are."""
    _record(AuditAction.STEPPED_UP, user)


def password_changed(user: User) -> None:
    """Record that the password changed, in the transaction that changes it; never what it is."""
    _record(AuditAction.PASSWORD_CHANGED, user)


@transaction.atomic
def _record(action: AuditAction, user: User) -> None:
    members = user.memberships.filter(deactivated_at__isnull=True).select_related("tenant")
    scopes = [member.tenant.audit_scope for member in members] or [Scope(None)]
    for scope in scopes:
        audit.record(
            action,
            target=Target("person", user.public_id),
            scope=scope,
            actor=user.audit_actor,
        )
