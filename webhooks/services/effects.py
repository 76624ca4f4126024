"""The four effects of a route; each repeats harmlessly for the same event."""

from dataclasses import replace

from approvals import services as approvals
from gateway.agents import services as agents
from gateway.agents.models import Provider
from gateway.providers import registry
from gateway.providers.base import Unparsable
from gateway.runs import services as runs
from gateway.tenants.principals import Principal
from webhooks import routing
from webhooks.models import Effect, Event, Route
from webhooks.services import fetching, ordering, splitting
from webhooks.services.confirming import confirm
from webhooks.services.outcomes import Done, Hopeless
from webhooks.services.planning import Plan, plan, see

IMPLICIT_CONFIRM = "confirm (implicit)"
RUN_TAGS = ("user_id", "project_id", "run_purpose")
TASK = "task"


def carry_out(event: Event) -> Done:
    """Split a delivery, fetch what a thin event is about, or carry out what its route wants.

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
    wanted = plan(event)
    if wanted.provider and wanted.effect == Effect.RUN:
        return _feed_run(event, wanted, wanted.provider)
    if wanted.route and wanted.effect == Effect.START_RUN:
        return _start_run(event, wanted, wanted.route)
    if wanted.route and wanted.effect == Effect.ACTION:
        return _propose(event, wanted, wanted.route)
    return Done(wanted.name, wanted.event_type)


def _confirm(event: Event, url: str) -> Done:
    confirm(event, url)
    seen = see(event, is_routed=False)
    return Done(IMPLICIT_CONFIRM, seen.event_type, had_effect=True)


def _feed_run(event: Event, wanted: Plan, provider: Provider) -> Done:
    try:
        update = registry.provider(provider.adapter).parse(event.content)
    except Unparsable as error:
        raise Hopeless(f"{provider} cannot read it: {error.reason}") from error
    if update is None:
        return Done(wanted.name, wanted.event_type, is_meaningless=True)
    run = runs.apply_update(
        provider,
        update,
        source=event.source.public_id,
        event_public_id=event.public_id,
        event_sha256=event.body_sha256,
        event_facts=event.facts() | {"type": wanted.event_type},
        received_at=event.received_at,
        correlation_id=event.correlation_id,
        ordered_by=ordering.people_behind(event),
    )
    return Done(wanted.name, wanted.event_type, had_effect=True, run_id=run.pk)


def _start_run(event: Event, wanted: Plan, route: Route) -> Done:
    """One run for one event: the one that an earlier try started counts."""
    run = runs.started_for(event.public_id, key=event.effect_key)
    if run is None:
        filled = wanted.arguments
        run = runs.start(
            event.source.environment,
            agent=route.agent,
            provider=route.provider,
            task=routing.shown(filled[TASK]),
            tags={name: filled[name] for name in RUN_TAGS if name in filled},
            by=_starter(event, route),
            correlation_id=event.correlation_id,
            origin_event=event.public_id,
            origin_key=event.effect_key,
        )
    return Done(wanted.name, wanted.event_type, had_effect=True, run_id=run.pk)


def _propose(event: Event, wanted: Plan, route: Route) -> Done:
    if route.agent is None:
        raise Hopeless(f"Route {route.name!r} names no agent.")
    approvals.propose(
        environment=event.source.environment,
        agent=route.agent,
        tool_name=route.tool,
        arguments=wanted.arguments,
        requester=requester(event, route),
        call_id=event.effect_key,
        reason=f"Route {route.name} of source {event.source.slug}",
        source_event=event.public_id,
        event_facts=event.facts() | {"type": wanted.event_type},
        correlation_id=event.correlation_id,
    )
    return Done(wanted.name, wanted.event_type, had_effect=True)


def _starter(event: Event, route: Route) -> Principal:
    """Who ordered the event has started its run; else whoever edited the route last has."""
    by = requester(event, route)
    return replace(by, owner_id=ordering.first_orderer(event) or by.owner_id)


def requester(event: Event, route: Route) -> Principal:
    """The source, and behind it whoever chose the arguments.

    That is the person who edited the route last, and those who ordered the event.
    """
    agent = route.agent or (agents.agent_of_provider(route.provider) if route.provider else None)
    return Principal(
        kind="source",
        id=event.source.public_id,
        label=event.source.slug,
        environment=event.source.environment,
        agent_id=agent.pk if agent else None,
        owner_id=route.edited_by_id,
        ordered_by=ordering.people_behind(event),
    )
