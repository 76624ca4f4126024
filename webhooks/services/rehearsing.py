"""What replaying an event would lead to, shown without doing it."""

from dataclasses import dataclass, field, replace

from approvals.models import Action
from audit import services as audit
from audit.actions import AuditAction
from gateway.providers import registry
from gateway.providers.base import RunUpdate, Unparsable
from gateway.runs import services as runs
from gateway.runs.models import Run
from gateway.tenants.principals import Principal
from gateway.tools import schema
from gateway.tools import services as tools
from webhooks.models import Effect, Event
from webhooks.routing import Json
from webhooks.schemes.base import Split
from webhooks.schemes.items import NotAList, cut
from webhooks.services import fetching, splitting
from webhooks.services.outcomes import Hopeless
from webhooks.services.planning import Plan, plan
from webhooks.services.replaying import MAY_REPLAY, check_permission, target_of

SPLIT, NOTHING = "split", "none"


@dataclass(frozen=True)
class DryRun:
    """The route that would be taken and what it would be filled in with.

    `effect` is one of the route's effects, `split` for a delivery of several events, or `none`
    where processing would give the event up; `trouble` then says why. `note` says what the effect
    would meet: whether it exists already.
    """

    route: str
    effect: str
    arguments: dict[str, Json] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    note: str = ""


def dry_run(*, event: Event, by: Principal, as_new: bool = False) -> DryRun:
    """What would happen if the event was processed now; nothing does, nobody outside is asked.

    That its content was read is recorded. Raises Denied without the permission to replay.
    """
    check_permission(by, MAY_REPLAY)
    audit.record(
        AuditAction.EVENT_BODY_READ,
        target=target_of(event),
        scope=event.environment.audit_scope,
        actor=by.actor,
        correlation_id=event.correlation_id,
        reason="dry_run",
    )
    if event.body is None:
        return _given_up("Its body was pruned.")
    if splitting.is_delivery(event):
        return _of_delivery(event)
    try:
        wanted = plan(event)
    except Hopeless as error:
        return _given_up(str(error))
    found = _of_plan(event, wanted, as_new=as_new)
    return _with_thin_note(event, found)


def _given_up(reason: str) -> DryRun:
    return DryRun("", NOTHING, trouble=(reason,), note="It would be given up.")


def _of_delivery(event: Event) -> DryRun:
    rules = event.source.rules.split or Split()
    try:
        items = cut(event.raw, rules)
    except NotAList as error:
        return _given_up(str(error))
    names = {splitting.id_of(event, item, rules) for item in items}
    there = Event.objects.filter(source=event.source_id, event_id__in=names).count()
    note = f"{len(items)} items, of which {there} are there already and stay as they are."
    return DryRun("split", SPLIT, note=note)


def _of_plan(event: Event, wanted: Plan, *, as_new: bool) -> DryRun:
    found = DryRun(wanted.name, wanted.effect, wanted.arguments, wanted.trouble)
    if wanted.effect == Effect.RUN:
        return _of_run(event, wanted)
    key = f"{event.public_id}#r{event.renewals + 1}" if as_new else event.effect_key
    if wanted.effect == Effect.START_RUN:
        run = runs.started_for(event.public_id, key=key)
        return replace(found, note=f"Attaches to {run.public_id}." if run else "Starts a new run.")
    if wanted.effect == Effect.ACTION:
        return _of_action(event, found, wanted, key)
    return found


def _of_run(event: Event, wanted: Plan) -> DryRun:
    provider = wanted.provider
    if provider is None:
        return _given_up("No provider is named.")
    try:
        update = registry.provider(provider.adapter).parse(event.content)
    except Unparsable as error:
        return _given_up(f"{provider} cannot read it: {error.reason}")
    if update is None:
        note = "The provider gives this type no meaning: it would be ignored."
        return DryRun(wanted.name, Effect.RUN, trouble=wanted.trouble, note=note)
    run = Run.objects.filter(provider=provider, provider_run_id=update.run_id).first()
    where = f"Feeds {run.public_id}" if run else f"Opens a run for {update.run_id}"
    told: dict[str, Json] = {"run_id": update.run_id, "status": str(update.status)}
    return DryRun(wanted.name, Effect.RUN, told | _calls(update), wanted.trouble, f"{where}.")


def _calls(update: RunUpdate) -> dict[str, Json]:
    return {"calls": [call.name for call in update.calls]} if update.calls else {}


def _of_action(event: Event, found: DryRun, wanted: Plan, key: str) -> DryRun:
    route = wanted.route
    if route is None or route.agent is None:
        return _given_up(f"Route {wanted.name!r} names no agent.")
    tool = tools.enabled(event.source.environment, route.tool)
    if tool is None or tool.current is None:
        problems = [f"There is no enabled tool {route.tool!r} in this environment."]
    else:
        rules = tool.current.input_schema
        problems = [
            f"{problem.path or 'arguments'}: {problem.message}"
            for problem in schema.problems(rules, wanted.arguments)
        ]
    there = Action.objects.within(event.environment).filter(
        source_event=event.public_id, call_id=key
    )
    action = there.first()
    note = f"Attaches to {action.public_id}." if action else "Proposes a new action."
    return replace(found, trouble=(*found.trouble, *problems), note=note)


def _with_thin_note(event: Event, found: DryRun) -> DryRun:
    provider = fetching.fetcher_of(event) if event.fetched_at is None else None
    if provider is None:
        return found
    before = f"{provider} would first be asked what it is about; this is what it alone leads to."
    return replace(found, note=f"{before} {found.note}".strip())
