"""Who calls the API: an API key, or a person's browser session in a named environment.

`request.auth` is the Principal; its environment scopes everything the call may see.
"""

from datetime import timedelta
from typing import Any, cast

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from audit import context
from gateway.tenants import principals
from gateway.tenants.middleware import environment_of
from gateway.tenants.models import ApiKey, User
from gateway.tenants.models.access import KEY_MARK, digest_of
from gateway.tenants.principals import Principal

ENVIRONMENT_HEADER = "Countersign-Environment"
# Noting each use would cost a write per request; a minute is exact enough to find unused keys.
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer csk_…`."""

    def authenticate(self, request: Request) -> tuple[User | None, Principal] | None:
        """The principal behind the key; None where no bearer is given.

        Raises AuthenticationFailed in the same words for every key that does not count.
        """
        secret = bearer_of(request.headers.get("Authorization", ""))
        if secret is None:
            return None
        principal = principal_of_key(secret)
        if principal is None:
            raise exceptions.AuthenticationFailed("This API key is unknown, expired or revoked.")
        _act_as(principal)
        return principal.user, principal

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return 'Bearer realm="countersign"'


class BrowserAuthentication(BaseAuthentication):
    """The desk's session, with CSRF protection, in the environment that a header names."""

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        """The person in the named environment; None for a stranger.

        Raises AuthenticationFailed without the header, NotFound for an environment in which the
        person has no role, PermissionDenied where the CSRF check fails.
        """
        user = request._request.user
        if not isinstance(user, User):
            return None
        _check_csrf(request)
        tenant, slash, name = request.headers.get(ENVIRONMENT_HEADER, "").partition("/")
        if not slash:
            raise exceptions.AuthenticationFailed(
                f"Name the environment in the header {ENVIRONMENT_HEADER}: tenant/environment."
            )
        environment = environment_of(user, tenant=tenant, environment=name)
        if environment is None:
            raise exceptions.NotFound("There is no such environment, or not for you.")
        return user, principals.of_browser(request._request, user, environment)


def caller(request: Request) -> Principal:
    """The principal of a request that has passed authentication."""
    return cast(Principal, request.auth)


def bearer_of(header: str) -> str | None:
    """The token of an Authorization header; None for another kind of header."""
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def principal_of_key(secret: str) -> Principal | None:
    """Who holds this key in its environment; None for one that is unknown, expired or revoked."""
    if not secret.startswith(KEY_MARK):
        return None
    key = (
        ApiKey.objects.filter(digest=digest_of(secret))
        .select_related("environment__tenant", "member__user")
        .first()
    )
    now = timezone.now()
    if key is None or not key.is_valid_at(now):
        return None
    if key.last_used_at is None or now - key.last_used_at > USE_NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USE_NOTED_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return principals.of_key(key)


def _act_as(principal: Principal) -> None:
    """From here to the end of the request the key's holder acts, whoever's cookie came along."""
    bound = context.current()
    context.begin(
        actor=principal.actor,
        correlation_id=bound.correlation_id,
        request_id=bound.request_id,
        ip_hmac=bound.ip_hmac,
    )


def _nothing(request: HttpRequest) -> HttpResponse:
    """The view that the CSRF check asks for whether it is exempt: it is not."""
    return HttpResponse()


def _check_csrf(request: Request) -> None:
    check = CSRFCheck(_nothing)
    check.process_request(request._request)
    reason: Any = check.process_view(request._request, _nothing, (), {})
    if reason:
        raise exceptions.PermissionDenied(f"CSRF check failed: {reason}")
