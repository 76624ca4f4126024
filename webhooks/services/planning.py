"""What an event would lead to: its route and what that is filled in with. Writes nothing."""

from dataclasses import dataclass, field

import structlog

from gateway.agents.models import Provider
from gateway.lib.cel import Facts
from webhooks import routing
from webhooks.models import Effect, Event, Route, Source
from webhooks.routing import Json, RouteError, Rule
from webhooks.services.outcomes import Hopeless

log = structlog.get_logger(__name__)
IMPLICIT_RUN = "run (implicit)"
IMPLICIT_RECORD = "record (implicit)"
ALWAYS = "true"
JSON = "application/json"


@dataclass(frozen=True)
class Plan:
    """The chosen effect; `route` is None where the source decides without one."""

    name: str
    effect: str
    event_type: str
    route: Route | None = None
    provider: Provider | None = None
    arguments: dict[str, Json] = field(default_factory=dict)
    # Routes that had no value for this event and were therefore passed over.
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """An event as its routes see it."""

    event_type: str
    facts: Facts


def plan(event: Event) -> Plan:
    """Find the first route whose filter holds and fill it in.

    Raises Hopeless where the chosen route cannot be followed.
    """
    routes = list(event.source.routes.all())
    if (recorder := recorder_of(event.source)) is not None:
        name, found = recorder
        event_type = event.event_type or type_of(event.source, event.raw, event.content_type)
        return Plan(name, Effect.RECORD, event_type, found)
    seen = see(event, is_routed=bool(routes))
    rules = [Rule(route.name, route.when, route.arguments) for route in routes]
    choice = routing.choose(rules, seen.facts)
    for trouble in choice.trouble:
        log.info("route_passed_over", id=event.public_id, trouble=trouble)
    if choice.index is None:
        return _by_default(event, seen.event_type, choice.trouble)
    route = routes[choice.index]
    return Plan(
        route.name, route.effect, seen.event_type, route, _provider(event, route),
        _arguments(route, rules[choice.index], seen.facts), choice.trouble,
    )  # fmt: skip


def recorder_of(source: Source) -> tuple[str, Route | None] | None:
    """What records every event of this source, whatever it says; None where its content decides.

    So most of a burst ends without its filters being asked.
    """
    routes = list(source.routes.all())
    if not routes and source.provider_id is None:
        return IMPLICIT_RECORD, None
    if routes and routes[0].effect == Effect.RECORD and routes[0].when.strip() == ALWAYS:
        return routes[0].name, routes[0]
    return None


def type_of(source: Source, raw: bytes, content_type: str) -> str:
    """The type that a body tells, where the source's scheme says that it does; else empty."""
    return routing.type_in(source.rules, routing.read_body(raw, content_type))


def see(event: Event, *, is_routed: bool) -> Seen:
    """The event's type and facts; its body is read only where a route or the type needs it.

    What was fetched takes the place of a body that only said that something happened; the type is
    still the event's own.
    """
    own, headers = None, event.header_pairs if is_routed else []
    if not event.event_type or (is_routed and event.fetched_at is None):
        own = routing.read_body(event.raw, event.content_type)
    event_type = event.event_type or routing.type_in(event.source.rules, own)
    body = routing.read_body(event.content, JSON) if is_routed and event.fetched_at else own
    facts = event.facts() | {"type": event_type}
    return Seen(event_type, routing.facts(facts, headers, body))


def _by_default(event: Event, event_type: str, trouble: tuple[str, ...]) -> Plan:
    if provider := event.source.provider:
        return Plan(IMPLICIT_RUN, Effect.RUN, event_type, None, provider, trouble=trouble)
    return Plan(IMPLICIT_RECORD, Effect.RECORD, event_type, trouble=trouble)


def _provider(event: Event, route: Route) -> Provider | None:
    if route.effect != Effect.RUN:
        return route.provider
    if (provider := route.provider or event.source.provider) is None:
        raise Hopeless(f"Route {route.name!r} names no provider.")
    return provider


def _arguments(route: Route, rule: Rule, facts: Facts) -> dict[str, Json]:
    if route.effect not in {Effect.START_RUN, Effect.ACTION}:
        return {}
    try:
        return routing.fill_in(rule, facts)
    except RouteError as error:
        raise Hopeless(f"Route {route.name!r} could not be filled in: {error}") from error
