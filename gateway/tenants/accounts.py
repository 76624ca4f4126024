"""Sign-in as the account pages see it: nobody signs up, and every way in or out is recorded."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

import structlog
from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from gateway.lib import sealing
from gateway.tenants import freshness, services
from gateway.tenants.middleware import client_address
from gateway.tenants.models import User

log = structlog.get_logger("accounts")
CHANGES = {
    "mfa/email/totp_activated": _("An authenticator app was added to your account."),
    "mfa/email/totp_deactivated": _("The authenticator app was removed from your account."),
    "mfa/email/webauthn_added": _("A passkey was added to your account."),
    "mfa/email/webauthn_removed": _("A passkey was removed from your account."),
    "mfa/email/recovery_codes_generated": _("New recovery codes were made; the old ones are void."),
    "account/email/password_changed": _("Your password was changed."),
    "account/email/password_set": _("A password was set for your account."),
    "account/email/password_reset": _("Your password was reset."),
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come by invitation only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: an administrator invites."""
        return False

    def post_login(self, request: HttpRequest, user: User, **fields: Any) -> HttpResponse:
        """Record the sign-in, and by what."""
        proof = freshness.of_session(request)
        services.signed_in(user, proof.methods if proof else ())
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

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """By what a person proves again who they are: the second factor where there is one.

        Who has stolen a password and a session must not be able to take the factors off.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        strong = [method for method in methods if method["id"] != "reauthenticate"]
        return strong or methods

    def send_password_reset_mail(self, user: User, email: str, context: dict[str, Any]) -> None:
        """None for who has no password: the organisation signs them in, and a mailbox does not."""
        if user.has_usable_password():
            super().send_password_reset_mail(user, email, context)

    def get_client_ip(self, request: HttpRequest) -> str:
        """The client whom limits count, seen through as many proxies as are trusted."""
        return client_address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """The account whose failures are counted: allauth adds the Host header, with any port."""
        return str(credentials.get("email") or "").strip().lower()

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """After a reset, forget the account's failures; allauth would forget the address's too."""
        rates = str(app_settings.RATE_LIMITS["login_failed"]).split(",")
        ratelimit.clear(
            request,
            app="allauth.account",
            action="login_failed",
            key=self._get_login_attempts_cache_key(request, **credentials),
            config={"login_failed": ",".join(rate for rate in rates if rate.endswith("/key"))},
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell the owner that the account changed; a mail server that is away undoes nothing."""
        if not settings.EMAIL_URL:
            return
        what = CHANGES.get(template_prefix, gettext("Your account was changed."))
        text = render_to_string("account/email/changed_message.txt", {"what": what})
        try:
            send_mail(
                gettext("Your Countersign account was changed"), text, None, [email or user.email]
            )
        except OSError as error:
            log.warning("account mail failed", person=user.public_id, error=type(error).__name__)


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
        return gettext("Passkey {number}").format(number=count + 1)
