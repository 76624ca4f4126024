"""Sign-in as the account pages see it: nobody signs up, and every way in or out is recorded."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from gateway.tenants import services
from gateway.tenants.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an administrator invites."""
        return False

    def post_login(self, request: HttpRequest, user: User, **fields: Any) -> HttpResponse:
        """Record the sign-in."""
        services.signed_in(user)
        return super().post_login(request, user, **fields)

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out, then forget the session."""
        if isinstance(request.user, User):
            services.signed_out(request.user)
        super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """Record with the change that the password changed, never what it is."""
        with transaction.atomic():
            super().set_password(user, password)
            services.password_changed(user)

    def reauthenticate(self, user: User, password: str) -> bool:
        """Whether this is the person's password; failures count as at the sign-in page."""
        return self.authenticate(self.request, email=user.email, password=password) == user
