"""Sources, their settings and routes; their secrets are in `secrets`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent, Provider
from gateway.lib import ids
from gateway.lib.errors import Refused
from gateway.tenants.models import Environment, User
from webhooks.models import Effect, Route, Source
from webhooks.routing import RouteError, Rule, check
from webhooks.schemes.catalogue import CUSTOM, scheme_of
from webhooks.schemes.custom import BadScheme
from webhooks.services.limiting import place_of
from webhooks.services.secrets import NewSecret, change, check_live, keep

MAX_ROUTES = 100
MAX_TOLERANCE_S = 86_400
MAX_SLUG = 40
MAX_PLACE = 200
SUCCESS = frozenset({200, 202, 204})
TASK = "task"


class Keep(Enum):
    """For a field in which None means something: leave it as it is."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True)
class NewRoute:
    """A route as it is asked for; its place in the list is its position."""

    name: str
    effect: str
    when: str = "true"
    agent: Agent | None = None
    provider: Provider | None = None
    tool: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


@transaction.atomic
def create_source(
    environment: Environment,
    *,
    scheme: str,
    secrets: Sequence[NewSecret],
    slug: str = "",
    name: str = "",
    settings: dict[str, Any] | None = None,
    routes: Sequence[NewRoute] = (),
    provider: Provider | None = None,
    by: User | None = None,
) -> Source:
    """A new place for webhooks; without a slug its address cannot be guessed.

    Raises Refused for an unknown scheme or setting, a secret that cannot be one, a route that does
    not compile, or a slug in use.
    """
    _check_scheme(scheme, settings or {})
    address = f"{environment.tenant.slug}.{slug}" if slug else ids.random_token("in")
    _check_slug(environment, slug, address=address)
    source = Source.objects.create(
        environment=environment, slug=slug or address, name=name, address=address, scheme=scheme,
        settings=checked_settings(settings or {}), provider=_within(environment, provider),
    )  # fmt: skip
    for secret in secrets:
        keep(source, secret)
    _write_routes(source, routes, by=by)
    _record(source, AuditAction.SOURCE_CREATED, scheme=[None, scheme], routes=[0, len(routes)])
    return source


def _check_scheme(name: str, settings: dict[str, Any]) -> None:
    """Raises Refused for a scheme that is unknown, or described so that it cannot work."""
    if (name == CUSTOM) != ("scheme" in settings):
        detail = "A custom scheme, and only that, is described in settings.scheme."
        raise Refused("invalid_scheme", detail)
    try:
        scheme_of(name, settings)
    except KeyError as error:
        raise Refused("unknown_scheme", f"There is no scheme {name!r}.") from error
    except BadScheme as error:
        detail = f"settings.scheme.{error.field}: {error}"
        raise Refused("invalid_scheme", detail, field=error.field) from error


def _check_slug(environment: Environment, slug: str, *, address: str) -> None:
    if not slug:
        return
    if slug != slugify(slug) or len(slug) > MAX_SLUG:
        raise Refused(
            "invalid_slug", f"A slug has up to {MAX_SLUG} small letters, digits and hyphens."
        )
    taken = Source.objects.filter(address=address).exists()
    if taken or Source.objects.within(environment).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is a source {slug!r} already.")


def _within(environment: Environment, provider: Provider | None) -> Provider | None:
    if provider is not None and provider.environment_id != environment.pk:
        raise Refused("unknown_provider", "There is no such provider here.")
    return provider


@transaction.atomic
def update_source(
    source: Source,
    *,
    name: str | None = None,
    settings: dict[str, Any] | None = None,
    provider: Provider | None | Keep = KEEP,
    is_enabled: bool | None = None,
    archive: bool = False,
) -> Source:
    """Change what is named; `archive` closes the address for good. Raises as creating does.

    `settings` are all of them: one that is left out is as usual again.
    """
    wanted: dict[str, Any] = {"name": name, "is_enabled": is_enabled}
    if settings is not None:
        _check_scheme(source.scheme, settings)
        wanted["settings"] = checked_settings(settings)
        if settings.get("scheme") != source.settings.get("scheme"):
            check_live(source, scheme_of(source.scheme, settings))
    if archive and source.archived_at is None:
        wanted["archived_at"] = timezone.now()
    old = Source.objects.select_for_update().select_related("environment__tenant").get(pk=source.pk)
    fields = {k: v for k, v in wanted.items() if v is not None and getattr(old, k) != v}
    if not isinstance(provider, Keep) and _within(source.environment, provider) != old.provider:
        fields["provider"] = provider
    if fields:
        change(source, **fields)
        changes = {key: [str(getattr(old, key)), str(value)] for key, value in fields.items()}
        _record(source, AuditAction.SOURCE_CHANGED, **changes)
    return source


@transaction.atomic
def replace_routes(source: Source, routes: Sequence[NewRoute], *, by: User | None) -> list[Route]:
    """Put these routes in the place of all others, in this order. Raises Refused for a bad one."""
    before = [route.name for route in source.routes.all()]
    change(source)
    source.routes.all().delete()
    made = _write_routes(source, routes, by=by)
    _record(source, AuditAction.ROUTE_CHANGED, routes=[before, [route.name for route in made]])
    return made


def checked_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a source, each checked; raises Refused naming the first bad one."""
    for name, value in settings.items():
        test = CHECKS.get(name)
        if test is None:
            raise Refused("unknown_setting", f"A source has no setting {name!r}.")
        if not test(value):
            detail = f"The setting {name} cannot be {value!r}."
            raise Refused("invalid_setting", detail, field=name)
    return settings


def _is_whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in {"http", "https"}


def _is_order_key(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= MAX_PLACE and bool(place_of(value))
    except ValueError:
        return False


def _are_networks(value: Any) -> bool:
    try:
        return isinstance(value, list) and all(ip_network(text) is not None for text in value)
    except (ValueError, TypeError):
        return False


CHECKS = {
    "tolerance_s": lambda value: _is_whole(value, 1, MAX_TOLERANCE_S),
    "public_url": _is_url,
    "success_status": lambda value: value in SUCCESS,
    "ip_allow": _are_networks,
    "max_body_bytes": lambda value: _is_whole(value, 1, 2**31),
    "rate_per_s": lambda value: _is_whole(value, 1, 1_000_000),
    "quarantine": lambda value: isinstance(value, bool),
    "scheme": lambda value: isinstance(value, dict),
    "concurrency": lambda value: _is_whole(value, 1, 1000),
    "order_by": lambda value: _is_order_key(value),
    "silent_after_s": lambda value: _is_whole(value, 60, 90 * 86_400),
}


def _write_routes(source: Source, routes: Sequence[NewRoute], *, by: User | None) -> list[Route]:
    if len(routes) > MAX_ROUTES:
        raise Refused("too_many_routes", f"A source has at most {MAX_ROUTES} routes.")
    for route in routes:
        _check_route(source, route)
    return [
        Route.objects.create(
            source=source, position=position, name=route.name, when=route.when,
            effect=route.effect, agent=route.agent, provider=route.provider, tool=route.tool,
            arguments=route.arguments, edited_by=by,
        )
        for position, route in enumerate(routes, start=1)
    ]  # fmt: skip


def _check_route(source: Source, route: NewRoute) -> None:
    if problem := problem_of(source, route):
        raise Refused("invalid_route", f"Route {route.name!r}: {problem}")
    try:
        check(Rule(route.name, route.when, route.arguments))
    except RouteError as error:
        detail = f"Route {route.name!r}, {error.field}: {error}"
        raise Refused("invalid_route", detail, field=error.field) from error


def problem_of(source: Source, route: NewRoute) -> str:
    """What the route lacks for its effect; empty where it has all."""
    for row in (route.agent, route.provider):
        if row is not None and row.environment_id != source.environment_id:
            return "its agent or provider does not exist here."
    if route.effect not in Effect.values:
        return f"there is no effect {route.effect!r}."
    if route.effect == Effect.RUN and not (route.provider or source.provider):
        return "name the provider whose runs it feeds."
    if route.effect == Effect.START_RUN and not (route.agent or route.provider):
        return "name the agent or provider that runs."
    if route.effect == Effect.START_RUN and TASK not in route.arguments:
        return "arguments.task says what the run is to do."
    if route.effect == Effect.ACTION and not (route.agent and route.tool):
        return "name the agent and the tool."
    return ""


def _record(source: Source, action: AuditAction, **changes: list[Any]) -> None:
    audit.record(
        action,
        target=Target("source", source.public_id, source.version),
        scope=source.environment.audit_scope,
        changes=changes,
    )
