"""Forms of second factors: allauth's, with the checks that it leaves to us."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
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


class _Code:
    """A code counts once, whatever becomes of the cache."""

    user: Any
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """The code, which is used up now."""
        clear_rate_limit = check_rate_limit(self.user)
        code = str(self.cleaned_data["code"])
        factor = services.take_code(self.user, code)
        if factor is None:
            raise get_adapter().validation_error("incorrect_code")
        factor.user = self.user
        self.authenticator = factor
        clear_rate_limit()
        return code


class CodeForm(_Code, AuthenticateForm):  # type: ignore[misc]
    """A code as the second step of signing in."""


class ProveCodeForm(_Code, ReauthenticateForm):  # type: ignore[misc]
    """A code as proof of being there."""


class _Passkey:
    """A passkey counts from our own address, and only while its counter goes on."""

    def clean_credential(self) -> Authenticator:
        """The factor that answered."""
        posted = self.cleaned_data["credential"]  # type: ignore[attr-defined]
        with _understood():
            factor: Authenticator = super().clean_credential()  # type: ignore[misc]
        said = AuthenticationResponse.from_dict(posted).response
        if said.client_data.origin != services.origin():
            raise get_adapter().validation_error("incorrect_code")
        if not services.take_counter(factor, said.authenticator_data.counter):
            services.copied_passkey(factor.user)
            raise get_adapter().validation_error("incorrect_code")
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
