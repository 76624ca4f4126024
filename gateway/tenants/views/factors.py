"""A person's second factors: what there is, adding, removing, recovery codes.

Each change is allauth's, inside one transaction with the record of it; mail to the owner follows.
"""

import json
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from gateway.tenants import freshness, services

Type = Authenticator.Type
INDEX = reverse_lazy("mfa_index")
private = method_decorator(never_cache, name="dispatch")


class NewFactor:
    """A new factor asks for a fresh proof, also of those who have neither password nor factor."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who came by single sign-on, and long ago, comes in again first."""
        if request.user.is_authenticated and not _may_prove(request) and not _is_fresh(request):
            messages.warning(request, "Sign in again, then add it within five minutes.")
            get_adapter(request).logout(request)
            return redirect("account_login")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc,no-any-return]


@private
class Security(IndexView):  # type: ignore[misc]
    """What protects the account, in one page."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With what is missing."""
        context: dict[str, Any] = super().get_context_data(**more)
        user: Any = self.request.user
        held = context["authenticators"]
        codes = held.get(Type.RECOVERY_CODES)
        return context | {
            "app": held.get(Type.TOTP),
            "passkeys": held.get(Type.WEBAUTHN, []),
            "codes_left": len(codes.get_unused_codes()) if codes else None,
            "is_owed": services.is_owed(user),
            "is_demanded": services.is_demanded(user),
            "tab": "security",
        }


@private
class AddApp(NewFactor, ActivateTOTPView):  # type: ignore[misc]
    """An authenticator app."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Store it, and the recovery codes that come with the first factor."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            _record_added(self.request.user, Type.TOTP, self.did_generate_recovery_codes)
        return answer


@private
class RemoveApp(DeactivateTOTPView):  # type: ignore[misc]
    """Forget the authenticator app."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Forget it, and the recovery codes with the last factor."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            services.factor_removed(self.request.user, Type.TOTP)
        return answer


@private
class AddPasskey(NewFactor, AddWebAuthnView):  # type: ignore[misc]
    """A passkey."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With what the browser is asked to make, as the page carries it."""
        form = more.get("form")
        context: dict[str, Any] = super().get_context_data(**more)
        options = json.dumps(context["js_data"]["creation_options"])
        return context | ({"form": form} if form else {}) | {"options": options}

    def form_valid(self, form: Any) -> HttpResponse:
        """Store its public key, and the recovery codes that come with the first factor."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            _record_added(self.request.user, Type.WEBAUTHN, self.did_generate_recovery_codes)
        return answer


@private
class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """Forget a passkey."""

    success_url = INDEX

    def form_valid(self, form: Any) -> HttpResponse:
        """Forget it, and the recovery codes with the last factor."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            services.factor_removed(self.request.user, Type.WEBAUTHN)
        return answer


@private
class RenamePasskey(EditWebAuthnView):  # type: ignore[misc]
    """Call a passkey otherwise."""

    success_url = INDEX


@private
class RecoveryCodes(ViewRecoveryCodesView):  # type: ignore[misc]
    """The recovery codes, shown once."""


@private
class MakeRecoveryCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """New recovery codes in place of the old."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Make them, and record that."""
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            services.recovery_codes_made(self.request.user)
        return answer


def _record_added(user: Any, kind: str, has_codes: bool) -> None:
    services.factor_added(user, kind)
    if has_codes:
        services.recovery_codes_made(user)


def _may_prove(request: HttpRequest) -> bool:
    return bool(get_adapter(request).get_reauthentication_methods(request.user))


def _is_fresh(request: HttpRequest) -> bool:
    proof = freshness.of_session(request)
    return proof is not None and proof.is_fresh_at(timezone.now())
