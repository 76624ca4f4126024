"""The four effects of a route; each repeats harmlessly for the same event."""

from dataclasses import dataclass

import structlog

from approvals import services as approvals
from gateway.agents import services as agents
from gateway.agents.models import Provider
from gateway.lib.cel import Facts
from gateway.providers import registry
from gateway.providers.base import Unparsable
from gateway.runs import services as runs
from gateway.runs.models import Run
from gateway.tenants.principals import Principal
from webhooks import routing
from webhooks.models import Effect, Event, Route
from webhooks.routing import RouteError, Rule
from webhooks.services import fetching, splitting
from webhooks.services.confirming import confirm
from webhooks.services.outcomes import Done, Hopeless

log = structlog.get_logger(__name__)
IMPLICIT_RUN = "run (implicit)"
IMPLICIT_RECORD = "record (implicit)"
IMPLICIT_CONFIRM = "confirm (implicit)"
RUN_TAGS = ("user_id", "project_id", "run_purpose")
TASK = "task"
ALWAYS = "true"
JSON = "application/json"


@dataclass(frozen=True)
class Seen:
    """An event as its route sees it."""

    event: Event
    event_type: str
    facts: Facts


def carry_out(event: Event) -> Done:
    """Split a delivery, fetch what a thin event is about, or route the event to its effect.

    Raises Hopeless, Later, DomainError, RunNotReady, or whatever a service raises when it cannot
    now.
    """
    if event.body is None:
        raise Hopeless("Its body was pruned.")
    ask = event.source.rules.confirm
    if ask is not None and (url := ask(event.raw)):
        return _confirm(event, url)
    if splitting.is_delivery(event):
        return splitting.split(event)
    fetching.fetch_once(event)
    routes = list(event.source.routes.all())
    if done := _only_recorded(event, routes):
        return done
    seen = see(event, is_routed=bool(routes))
    rules = [Rule(route.name, route.when, route.arguments) for route in routes]
    choice = routing.choose(rules, seen.facts)
    for trouble in choice.trouble:
        log.info("route_passed_over", id=event.public_id, trouble=trouble)
    if choice.index is None:
        return _by_default(seen)
    return _by_route(seen, routes[choice.index])


def _only_recorded(event: Event, routes: list[Route]) -> Done | None:
    """The end of an event whose content decides nothing, without reading it: most of a burst."""
    if not event.event_type:
        return None
    if not routes and event.source.provider_id is None:
        return Done(IMPLICIT_RECORD, event.event_type)
    if routes and routes[0].effect == Effect.RECORD and routes[0].when.strip() == ALWAYS:
        return Done(routes[0].name, event.event_type)
    return None


def _confirm(event: Event, url: str) -> Done:
    confirm(event, url)
    return Done(IMPLICIT_CONFIRM, see(event, is_routed=False).event_type, had_effect=True)


def see(event: Event, *, is_routed: bool) -> Seen:
    """Only where a route or the type needs it is the body read at all.

    What was fetched takes the place of a body that only said that something happened; the type is
    still the event's own.
    """
    scheme = event.source.rules
    own, headers = None, event.header_pairs if is_routed else []
    if not event.event_type or (is_routed and event.fetched_at is None):
        own = routing.read_body(event.raw, event.content_type)
    event_type = event.event_type or routing.type_in(scheme, own)
    body = routing.read_body(event.content, JSON) if is_routed and event.fetched_at else own
    facts = event.facts() | {"type": event_type}
    return Seen(event, event_type, routing.facts(facts, headers, body))


def _by_default(seen: Seen) -> Done:
    if provider := seen.event.source.provider:
        return _feed_run(seen, provider, route=IMPLICIT_RUN)
    return Done(IMPLICIT_RECORD, seen.event_type)


def _by_route(seen: Seen, route: Route) -> Done:
    if route.effect == Effect.RECORD:
        return Done(route.name, seen.event_type)
    if route.effect == Effect.RUN:
        provider = route.provider or seen.event.source.provider
        if provider is None:
            raise Hopeless(f"Route {route.name!r} names no provider.")
        return _feed_run(seen, provider, route=route.name)
    try:
        arguments = routing.fill_in(Rule(route.name, route.when, route.arguments), seen.facts)
    except RouteError as error:
        raise Hopeless(f"Route {route.name!r} could not be filled in: {error}") from error
    if route.effect == Effect.START_RUN:
        return _start_run(seen, route, arguments)
    return _propose(seen, route, arguments)


def _feed_run(seen: Seen, provider: Provider, *, route: str) -> Done:
    event = seen.event
    try:
        update = registry.provider(provider.adapter).parse(event.content)
    except Unparsable as error:
        raise Hopeless(f"{provider} cannot read it: {error.reason}") from error
    if update is None:
        return Done(route, seen.event_type, is_meaningless=True)
    run = runs.apply_update(
        provider,
        update,
        source=event.source.public_id,
        event_public_id=event.public_id,
        event_sha256=event.body_sha256,
        correlation_id=event.correlation_id,
    )
    return Done(route, seen.event_type, had_effect=True, run_id=run.pk)


def _start_run(seen: Seen, route: Route, arguments: dict[str, routing.Json]) -> Done:
    """One run for one event: the one that an earlier try started counts."""
    event = seen.event
    run = Run.objects.filter(source_event=event.public_id, origin=Run.Origin.ROUTE).first()
    if run is None:
        run = runs.start(
            event.source.environment,
            agent=route.agent,
            provider=route.provider,
            task=routing.shown(arguments[TASK]),
            tags={name: arguments[name] for name in RUN_TAGS if name in arguments},
            by=requester(event, route),
            correlation_id=event.correlation_id,
            origin_event=event.public_id,
            origin=Run.Origin.ROUTE,
        )
    return Done(route.name, seen.event_type, had_effect=True, run_id=run.pk)


def _propose(seen: Seen, route: Route, arguments: dict[str, routing.Json]) -> Done:
    event = seen.event
    if route.agent is None:
        raise Hopeless(f"Route {route.name!r} names no agent.")
    approvals.propose(
        environment=event.source.environment,
        agent=route.agent,
        tool_name=route.tool,
        arguments=arguments,
        requester=requester(event, route),
        call_id=event.public_id,
        reason=f"Route {route.name} of source {event.source.slug}",
        source_event=event.public_id,
        event_facts=event.facts() | {"type": seen.event_type},
        correlation_id=event.correlation_id,
    )
    return Done(route.name, seen.event_type, had_effect=True)


def requester(event: Event, route: Route) -> Principal:
    """The source, and behind it whoever edited the route last: that person chose the arguments."""
    agent = route.agent or (agents.agent_of_provider(route.provider) if route.provider else None)
    return Principal(
        kind="source",
        id=event.source.public_id,
        label=event.source.slug,
        environment=event.source.environment,
        agent_id=agent.pk if agent else None,
        owner_id=route.edited_by_id,
    )
