"""Forms of second factors: allauth's, with the checks that it leaves to us."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from fido2.webauthn import AuthenticationResponse, RegistrationResponse

from gateway.lib.assertions import BadAssertion
from gateway.tenants import services

# How fido2 stumbles over what no browser sends.
STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)


@contextmanager
def _understood() -> Iterator[None]:
    """An answer that no browser gives is an error of the form like a wrong one."""
    try:
        yield
    except STUMBLES as error:
        raise get_adapter().validation_error("incorrect_code") from error


def _counted(user: Any) -> RateLimitUsage:
    """One try at the person's factors, which is to be rolled back where it was right.

    allauth's own forms forget all failures at a success, those of the address as well: whoever has
    an account could guess at others' passwords without end by signing in to it in between.
    Raises ValidationError where there were too many.
    """
    key = f"mfa-auth-user-{user.pk}"
    tried = ratelimit.consume(
        context.request, app="allauth.account", action="login_failed", key=key
    )
    if not tried:
        raise account_adapter().validation_error("too_many_login_attempts")
    return tried


class _Code:
    """A code counts once, whatever becomes of the cache."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """The code, which is used up now."""
        tried = _counted(self.user)
        code = str(self.cleaned_data["code"])
        factor = services.take_code(self.user, code)
        if factor is None:
            raise get_adapter().validation_error("incorrect_code")
        factor.user = self.user
        self.authenticator = factor
        tried.rollback()
        return code


class CodeForm(_Code, AuthenticateForm):  # type: ignore[misc]
    """A code as the second step of signing in."""


class ProveCodeForm(_Code, ReauthenticateForm):  # type: ignore[misc]
    """A code as proof of being there."""


class _Passkey:
    """A passkey counts from our own address, and only while its counter goes on."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_credential(self) -> Authenticator:
        """The factor that answered."""
        posted = self.cleaned_data["credential"]
        with _understood():
            auth.parse_authentication_response(posted)
            # Whom only the answer names is not counted: strangers would lock the owner out.
            tried = _counted(self.user) if self.user else None
            user = self.user or auth.extract_user_from_response(posted)
            factor: Authenticator = auth.complete_authentication(user, posted)
        said = AuthenticationResponse.from_dict(posted).response
        if said.client_data.origin != services.origin():
            raise get_adapter().validation_error("incorrect_code")
        if not services.take_counter(factor, said.authenticator_data.counter):
            services.copied_passkey(factor.user)
            raise get_adapter().validation_error("incorrect_code")
        if tried:
            tried.rollback()
        return factor


class PasskeyForm(_Passkey, AuthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey as the second step of signing in."""


class PasskeyDoorForm(_Passkey, LoginWebAuthnForm):  # type: ignore[misc]
    """A passkey instead of a password."""


class ProvePasskeyForm(_Passkey, ReauthenticateWebAuthnForm):  # type: ignore[misc]
    """A passkey as proof of being there."""


class AddPasskeyForm(AddWebAuthnForm):  # type: ignore[misc]
    """A new passkey: of a kind of key that is known here, made at our own address."""

    def clean(self) -> dict[str, Any]:
        """Refuse what could never sign an approval."""
        with _understood():
            data: dict[str, Any] = super().clean()
        if credential := data.get("credential"):
            said = RegistrationResponse.from_dict(credential).response
            made = said.attestation_object.auth_data.credential_data
            try:
                services.public_key_of(made.public_key)
            except BadAssertion as error:
                raise get_adapter().validation_error("incorrect_code") from error
            if said.client_data.origin != services.origin():
                raise get_adapter().validation_error("incorrect_code")
        return data
