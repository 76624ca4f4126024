"""“Confirm it is you”: what asks for a fresh proof leads here, and the proof leads back."""

import json
from typing import Any
from urllib.parse import urlencode

from allauth.account import views as account
from allauth.mfa.base.views import ReauthenticateView as ByCode
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView as ByPasskey
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from gateway.tenants import services
from gateway.tenants.freshness import PASSKEY

TEMPLATE = "account/reauthenticate.html"


def _rise(request: Any, method: str) -> None:
    """Give the session a new key, so that an older copy of the cookie does not rise with it."""
    request.session.cycle_key()
    services.stepped_up(request.user, (method,))


@method_decorator(never_cache, name="dispatch")
class ProveByPassword(account.ReauthenticateView):  # type: ignore[misc]
    """The password again, for who has no second factor."""

    template_name = TEMPLATE
    extra_context = {"by": "password"}  # noqa: RUF012 - Django's own way

    def form_valid(self, form: Any) -> HttpResponse:
        """Back to where the proof was asked for."""
        _rise(self.request, "password")
        return super().form_valid(form)  # type: ignore[no-any-return]


@method_decorator(never_cache, name="dispatch")
class ProveByCode(ByCode):  # type: ignore[misc]
    """A code of the app, or a recovery code."""

    template_name = TEMPLATE
    extra_context = {"by": "code"}  # noqa: RUF012

    def form_valid(self, form: Any) -> HttpResponse:
        """Back to where the proof was asked for."""
        _rise(self.request, f"mfa:{form.authenticator.type}")
        return super().form_valid(form)  # type: ignore[no-any-return]


@method_decorator(never_cache, name="dispatch")
class ProveByPasskey(ByPasskey):  # type: ignore[misc]
    """A passkey, for changing the account; what is approved is signed where it is shown."""

    template_name = TEMPLATE
    extra_context = {"by": "passkey"}  # noqa: RUF012

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With what a passkey is asked, as the page carries it."""
        context: dict[str, Any] = super().get_context_data(**more)
        return context | {"options": json.dumps(context["js_data"]["request_options"])}

    def form_valid(self, form: Any) -> HttpResponse:
        """Back to where the proof was asked for."""
        _rise(self.request, PASSKEY)
        return super().form_valid(form)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponse:
        """The page again: a passkey is asked anew each time."""
        for error in form.errors.get("credential", ()):
            messages.error(self.request, error)
        back = self.request.POST.get("next", "")
        query = f"?{urlencode({'next': back})}" if back else ""
        return redirect(self.request.path + query)
