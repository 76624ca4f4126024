"""Single sign-on by OpenID Connect: allauth's flow, with an ID token that is always verified."""

from typing import Any

import jwt
import structlog
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext

from gateway.lib.errors import DomainError
from gateway.tenants import services
from gateway.tenants.services import Claims

log = structlog.get_logger("sso")
PROVIDER = "sso"
SIGNED_BY = frozenset({"RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA"})


class Provider(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """The identity provider that the environment names."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """Its own description, which has to speak of the issuer that was configured."""
        found: dict[str, Any] = super().openid_config
        if str(found.get("issuer", "")).rstrip("/") != settings.OIDC_ISSUER.rstrip("/"):
            raise OAuth2Error("the description is another issuer's")
        return found

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: SocialToken, **more: Any
    ) -> SocialLogin:
        """What the verified ID token says; nothing of it but the subject is kept."""
        said = self._verified(app, str(more["response"].get("id_token", "")))
        if "email" not in said and "userinfo_endpoint" in self.openid_config:
            said = self._with_details(said, token)
        request.sso_claims = _claims(said)  # type: ignore[attr-defined]
        return self.get_provider().sociallogin_from_response(
            request, {"id_token": {"sub": said["sub"]}}
        )

    def _verified(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            head = jwt.get_unverified_header(id_token)
        except jwt.PyJWTError as error:
            raise OAuth2Error("no ID token") from error
        if head.get("alg") not in SIGNED_BY or not head.get("kid"):
            raise OAuth2Error("the ID token is not signed by a named key")
        said: dict[str, Any] = jwtkit.verify_and_decode(
            credential=id_token, keys_url=self.openid_config["jwks_uri"],
            issuer=self.openid_config["issuer"], audience=app.client_id,
            lookup_kid=jwtkit.lookup_kid_jwk,
        )  # fmt: skip
        if not said.get("sub") or "exp" not in said:
            raise OAuth2Error("the ID token names nobody or never ends")
        if said.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("the ID token was made for another application")
        return said

    def _with_details(self, said: dict[str, Any], token: SocialToken) -> dict[str, Any]:
        more = self._fetch_user_info(token.token)
        if more.get("sub") != said["sub"]:
            raise OAuth2Error("the details are somebody else's")
        return more | said


class SsoAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Who comes in by single sign-on is known, invited or mapped; the others are told so."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Find or make the account here; otherwise a page that says what to do."""
        if sociallogin.state.get("process", "login") != "login":
            raise ImmediateHttpResponse(refused(request, "Accounts are linked by signing in."))
        try:
            account = services.arrive(request.sso_claims)  # type: ignore[attr-defined]
        except DomainError as error:
            raise ImmediateHttpResponse(refused(request, error.detail)) from error
        sociallogin.account, sociallogin.user = account, account.user

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Never."""
        return False

    def on_authentication_error(self, request: HttpRequest, provider: Any, **more: Any) -> None:
        """A page that says that it did not work, and a line in the log that says why."""
        raise ImmediateHttpResponse(_failed(request, more.get("exception")))


def sign_in(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Off to the identity provider."""
    return _through(OAuth2LoginView, request)


def come_back(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Back from there."""
    return _through(OAuth2CallbackView, request)


def refused(request: HttpRequest, why: str) -> HttpResponse:
    """Nobody was signed in, and why."""
    return render(request, "account/sso_refused.html", {"why": why}, status=403)


def _through(view: Any, request: HttpRequest) -> HttpResponseBase:
    if not settings.OIDC_ISSUER:
        raise Http404
    try:
        answer: HttpResponseBase = view.adapter_view(Provider(request, PROVIDER))(request)
    except (OAuth2Error, OSError, LookupError) as error:
        return _failed(request, error)
    return answer


def _failed(request: HttpRequest, error: Exception | None) -> HttpResponse:
    log.warning("single sign-on failed", error=type(error).__name__, why=str(error)[:200])
    return refused(
        request, gettext("Your organisation's sign-in did not answer as it should. Try again.")
    )


def _claims(said: dict[str, Any]) -> Claims:
    groups = said.get(settings.OIDC_GROUPS_CLAIM, ())
    return Claims(
        subject=str(said["sub"]),
        email=str(said.get("email", "")),
        is_verified=said.get("email_verified") is True,
        name=str(said.get("name", "")),
        groups=frozenset(map(str, groups if isinstance(groups, list) else [groups])),
    )
