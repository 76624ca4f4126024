"""What the rules see of one action: every fact, gathered once and frozen with the action."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, Exists, Q, Value, When

from approvals import sensitive
from approvals.models import Action
from approvals.policy import facts
from approvals.services import targets
from approvals.services.previewing import Preview
from approvals.services.wishes import Wish
from approvals.states import ActionStatus
from gateway.agents.models import Agent
from gateway.budgets import services as budgets
from gateway.lib import wordlists
from gateway.lib.prepared import Prepared
from gateway.tenants.models import Environment

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
REFUSALS = (ActionStatus.REJECTED, ActionStatus.DENIED)


_CREATED = Action._meta.get_field("created_at")
# What is counted, in this order; a line that begins with EVER says whether any was let through.
COUNTED = ("calls_1h", "calls_24h", "succeeded_24h", "refused_24h", "same_target_24h")
EVER = -1


def _uses(*, agent: Any, tool: Any, itself: Any, target: Any, hour: Any, day: Any) -> Any:
    """The counts of the last day as one line of values, and the line EVER.

    Each is read from an index alone: agents make thousands of calls a day, and each of them asks.
    """
    ours = Action.objects.filter(agent_id=agent, tool_name=tool).exclude(pk=itself).order_by()
    counts = (
        ours.filter(created_at__gte=day)
        .annotate(all=Value(1))
        .values("all")
        .annotate(
            calls_1h=Count("pk", filter=Q(created_at__gte=hour)),
            calls_24h=Count("pk"),
            succeeded_24h=Count("pk", filter=Q(status=ActionStatus.SUCCEEDED)),
            refused_24h=Count("pk", filter=Q(status__in=REFUSALS)),
            same_target_24h=Count("pk", filter=Q(target_key=target)),
        )
        .values_list(*COUNTED)
    )
    used = Case(When(Exists(ours.let_through()), then=1), default=0)
    nought = {name: Value(0) for name in COUNTED[2:]}
    ever = (
        Agent.objects.filter(pk=agent)
        .order_by()
        .annotate(calls_1h=Value(EVER), calls_24h=used, **nought)
        .values_list(*COUNTED)
    )
    return counts.union(ever, all=True)


_USES = Prepared(
    _uses,
    agent=Agent._meta.pk,
    tool=Action._meta.get_field("tool_name"),
    itself=Action._meta.pk,
    target=Action._meta.get_field("target_key"),
    hour=_CREATED,
    day=_CREATED,
)


def facts_of(
    action: Action,
    wish: Wish,
    preview: Preview | None,
    *,
    event_facts: dict[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """The frozen document that the rules see."""
    environment = action.environment
    return facts.build(
        args=wish.arguments,
        tool=wish.version.facts() if wish.version else {},
        agent=wish.agent.facts(),
        run=wish.run.facts if wish.run else {},
        env=_environment(environment),
        now=now,
        time_zone=environment.tenant.time_zone,
        event=event_facts,
        budget=budgets.as_facts(wish.standings),
        history=_history(action, now),
        affected=affected_of(action),
        sensitive=_sensitive(wish, preview),
    )


def _environment(environment: Environment) -> dict[str, str]:
    return {
        "tenant": environment.tenant.slug,
        "slug": environment.slug,
        "kind": environment.kind,
        "region": environment.region,
    }


def affected_of(action: Action) -> list[dict[str, str]]:
    """Who and what is touched: as the tool's expression says, and as the live read found."""
    version = action.tool_version
    named = (
        [text.partition(":")[::2] for text in action.target] if version and version.affected else []
    )
    read = [(row["kind"], row["id"]) for row in action.affected]
    return [{"kind": kind, "id": id} for kind, id in dict.fromkeys([*named, *read])]


def _sensitive(wish: Wish, preview: Preview | None) -> dict[str, Any]:
    lists = wordlists.load(wish.environment.word_lists)
    hits = [
        *sensitive.find({"args": wish.arguments}, lists),
        *(preview.sensitive if preview else ()),
    ]
    return sensitive.fact(hits, preview=preview.state if preview else "none")


def _history(action: Action, now: datetime) -> dict[str, Any]:
    """How this agent used this tool in the last day, and whether anybody ever let it.

    Without the action itself, which is among its rows where it is edited.
    """
    lines = _USES(
        agent=action.agent_id, tool=action.tool_name, itself=action.pk,
        target=targets.key_of(action.target), hour=now - HOUR, day=now - DAY,
    )  # fmt: skip
    seen, was_used = dict.fromkeys(COUNTED, 0), False
    for line in lines:
        if line[0] == EVER:
            was_used = bool(line[1])
        else:
            seen = dict(zip(COUNTED, line, strict=True))
    return {**seen, "is_first_use": not was_used}
