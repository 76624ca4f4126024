"""Binds each request to who acts, under which correlation id, and in which environment."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from audit import context
from audit.context import Actor
from gateway.lib.clients import address_behind
from gateway.lib.problems import problem_response
from gateway.tenants import services
from gateway.tenants.models import Environment, User

log = structlog.get_logger("request")
REQUEST_ID = "X-Request-ID"
CORRELATION_ID = "X-Correlation-ID"
LAST_PLACE = "place"
# Parts of an address that let somebody in: they never reach the log.
SECRET_PARTS = ("secret", "key", "address")
MAX_LOGGED_PATH = 200
MARK_LENGTH = 32
API = "/api/"
# Addresses by whose names nobody is kept out for want of a second factor.
ALWAYS_OPEN = ("account_", "mfa_", "openid_connect_", "invitation", "favicon", "service_worker")


class ContextMiddleware:
    """Innermost: audit context, environment of the address, ids, one log line per request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        bound = context.begin(
            actor=_actor(request),
            correlation_id=_given_correlation(request),
            request_id=f"req_{secrets.token_hex(12)}",
            ip_hmac=keyed_mark(client_address(request), purpose="ip"),
        )
        try:
            response = self.get_response(request)
            _note(request)
            response[REQUEST_ID] = bound.request_id
            response[CORRELATION_ID] = context.correlation_id()
            _log(request, response, seconds=time.monotonic() - began)
        finally:
            context.end()
        return response

    def process_view(
        self, request: HttpRequest, view: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Look up the environment that the address names, for people who have a role in it.

        Who owes a second factor gets no further than the pages where one is added.
        """
        request.environment = None  # type: ignore[attr-defined]
        if _owes_a_factor(request):
            return _factor_first(request)
        self._place(request, kwargs)
        return None

    def _place(self, request: HttpRequest, kwargs: dict[str, Any]) -> None:
        tenant, environment = kwargs.get("tenant"), kwargs.get("environment")
        if not tenant or not environment or not request.user.is_authenticated:
            return
        place = environment_of(request.user, tenant=tenant, environment=environment)
        request.environment = place  # type: ignore[attr-defined]
        if place is not None and request.session.get(LAST_PLACE) != str(place.pk):
            request.session[LAST_PLACE] = str(place.pk)


def environment_of(user: User, *, tenant: str, environment: str) -> Environment | None:
    """The environment of these slugs, for a person with a role there; None for everybody else."""
    return (
        Environment.objects.filter(
            tenant__slug=tenant,
            slug=environment,
            roles__member__user=user,
            roles__member__deactivated_at=None,
        )
        .select_related("tenant")
        .first()
    )


def client_address(request: HttpRequest) -> str:
    """The client as the configured number of trusted proxies saw it, else the peer."""
    return address_behind(
        str(request.META.get("REMOTE_ADDR", "")),
        request.headers.get("X-Forwarded-For", ""),
        hops=settings.TRUSTED_PROXIES,
    )


def keyed_mark(text: str, *, purpose: str) -> str:
    """A keyed digest: the same text gives the same mark, from which nobody finds the text."""
    if not text:
        return ""
    key = f"countersign/{purpose}/{settings.SECRET_KEY}".encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:MARK_LENGTH]


def _note(request: HttpRequest) -> None:
    """Note where a person is signed in, after the view: it may have given the session a new key."""
    key = request.session.session_key
    if isinstance(request.user, User) and key:
        browser = request.headers.get("User-Agent", "")
        services.seen(request.user, key, address=client_address(request), browser=browser)


def _owes_a_factor(request: HttpRequest) -> bool:
    match = request.resolver_match
    name = (match.url_name or "") if match and not match.namespace else ""
    if name.startswith(ALWAYS_OPEN) or not isinstance(request.user, User):
        return False
    return services.is_owed(request.user)


def _factor_first(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(API):
        detail = "Add a second factor on the desk first: your organisation asks for one."
        return problem_response(403, "second_factor_owed", detail)
    return redirect("mfa_index")


def _actor(request: HttpRequest) -> Actor:
    """The person of the session. An API key, where one is sent, takes over when it is checked."""
    user = request.user
    if not isinstance(user, User):
        return context.SYSTEM
    mark = keyed_mark(request.session.session_key or "", purpose="session")
    return Actor("person", user.public_id, auth="session", session=mark)


def _given_correlation(request: HttpRequest) -> str:
    given = request.headers.get(CORRELATION_ID, "")
    return given if context.well_formed(given) else ""


def _log(request: HttpRequest, response: HttpResponse, *, seconds: float) -> None:
    bound = context.current()
    log.info(
        "request",
        method=request.method,
        path=_path(request),
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        request_id=bound.request_id,
        actor=f"{bound.actor.kind}:{bound.actor.id}",
    )


def _path(request: HttpRequest) -> str:
    """The path without query, and without the parts that let somebody in."""
    path = request.path
    match = request.resolver_match
    for name in SECRET_PARTS:
        if match is not None and (value := str(match.kwargs.get(name) or "")):
            path = path.replace(value, "…")
    return path[:MAX_LOGGED_PATH]
