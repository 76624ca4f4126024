"""Sign-in as the account pages see it: nobody signs up, and every way in or out is recorded."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from gateway.lib import sealing
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


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: their secrets are sealed, and passkeys belong to the one public address."""

    _PLACE: ClassVar[dict[str, str]] = {
        "table": "mfa_authenticator", "row": "", "field": "data", "tenant": ""
    }  # fmt: skip

    def encrypt(self, text: str) -> str:
        """A secret as it is stored."""
        return sealing.seal(text, **self._PLACE)

    def decrypt(self, encrypted_text: str) -> str:
        """The stored secret. Raises CannotUnseal where its key is gone."""
        return sealing.unseal(encrypted_text, **self._PLACE)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The host that passkeys are made for, whatever host the request came by."""
        return {"id": str(urlsplit(settings.PUBLIC_URL).hostname), "name": "Countersign"}

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """What a new passkey is called unless its owner says otherwise."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}"
