"""Sign-in as the account pages see it: nobody signs up, and every way in or out is recorded."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Scope, Target
from gateway.tenants.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an administrator invites."""
        return False

    def post_login(self, request: HttpRequest, user: User, **fields: Any) -> HttpResponse:
        """Record the sign-in in every tenant the person belongs to."""
        _record(AuditAction.SIGNED_IN, user)
        return super().post_login(request, user, **fields)

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out, then forget the session."""
        if isinstance(request.user, User):
            _record(AuditAction.SIGNED_OUT, request.user)
        super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """Record that the password changed, never what it is."""
        super().set_password(user, password)
        _record(AuditAction.PASSWORD_CHANGED, user)


def _record(action: AuditAction, user: User) -> None:
    target = Target("person", user.public_id)
    members = user.memberships.filter(deactivated_at__isnull=True).select_related("tenant")
    scopes = [member.tenant.audit_scope for member in members] or [Scope(None)]
    for scope in scopes:
        audit.record(action, target=target, scope=scope, actor=user.audit_actor)
