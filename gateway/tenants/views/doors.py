"""Signing in: the second step, the passkey that needs no password, the forgotten password."""

import json
from typing import Any

from allauth.account import views as account
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache


class SignInPage(account.LoginView):  # type: ignore[misc]
    """Password, passkey, or the organisation's own sign-in where there is one."""

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With what the organisation's sign-in is called."""
        context: dict[str, Any] = super().get_context_data(**more)
        return context | {"sso": settings.OIDC_NAME if settings.OIDC_ISSUER else ""}


@method_decorator(never_cache, name="dispatch")
class SecondStep(AuthenticateView):  # type: ignore[misc]
    """The second factor, after the password or the organisation's sign-in was right."""

    template_name = "mfa/authenticate.html"

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        """With what a passkey is asked, as the page carries it."""
        context: dict[str, Any] = super().get_context_data(**more)
        options = context.get("js_data", {}).get("request_options")
        return context | {"options": json.dumps(options) if options else ""}

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with what is wrong."""
        answer: HttpResponse = super().form_invalid(form)
        answer.status_code = 422
        return answer


@method_decorator(never_cache, name="dispatch")
class PasskeyDoor(LoginWebAuthnView):  # type: ignore[misc]
    """Signing in by a passkey alone."""


def password_reset(request: HttpRequest) -> HttpResponse:
    """By mail where mail is set up; else the page says whom to ask."""
    if getattr(settings, "EMAIL_URL", ""):
        return account.password_reset(request)
    return render(request, "account/password_reset.html")
