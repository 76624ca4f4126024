"""What the rules see of one action: every fact, gathered once and frozen with the action."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, Subquery, Value

from approvals import sensitive
from approvals.models import Action
from approvals.policy import facts
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


def _uses(*, agent: Any, tool: Any, itself: Any, target: Any, hour: Any, day: Any) -> Any:
    """The counts over the last day and the first use, as one line of values, or as none at all."""
    ours = Action.objects.filter(agent_id=agent, tool_name=tool).exclude(pk=itself)
    used = ours.exclude(status=ActionStatus.INVALID).order_by("created_at")
    today = Q(created_at__gte=day)
    return (
        ours.filter(today | Q(pk=Subquery(used.values("pk")[:1])))
        .order_by()
        .annotate(all=Value(1))
        .values("all")
        .annotate(
            calls_1h=Count("pk", filter=Q(created_at__gte=hour)),
            calls_24h=Count("pk", filter=today),
            succeeded_24h=Count("pk", filter=today & Q(status=ActionStatus.SUCCEEDED)),
            refused_24h=Count("pk", filter=today & Q(status__in=REFUSALS)),
            same_target_24h=Count("pk", filter=today & Q(target=target)),
            first=Min("created_at", filter=~Q(status=ActionStatus.INVALID)),
        )
        .values_list(*COUNTED, "first")
    )


COUNTED = ("calls_1h", "calls_24h", "succeeded_24h", "refused_24h", "same_target_24h")
_CREATED = Action._meta.get_field("created_at")
_USES = Prepared(
    lambda **values: _uses(**values),
    agent=Agent._meta.pk,
    tool=Action._meta.get_field("tool_name"),
    itself=Action._meta.pk,
    target=Action._meta.get_field("target"),
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
        affected=_affected(wish, preview),
        sensitive=_sensitive(wish, preview),
    )


def _environment(environment: Environment) -> dict[str, str]:
    return {
        "tenant": environment.tenant.slug,
        "slug": environment.slug,
        "kind": environment.kind,
        "region": environment.region,
    }


def _affected(wish: Wish, preview: Preview | None) -> list[dict[str, str]]:
    """Who and what is touched: as the tool's expression says, and as the live read found."""
    version = wish.tool.current if wish.tool else None
    named = (
        [text.partition(":")[::2] for text in wish.target] if version and version.affected else []
    )
    read = [(row["kind"], row["id"]) for row in preview.affected] if preview else []
    return [{"kind": kind, "id": id} for kind, id in dict.fromkeys([*named, *read])]


def _sensitive(wish: Wish, preview: Preview | None) -> dict[str, Any]:
    lists = wordlists.load(wish.environment.word_lists)
    hits = [
        *sensitive.find({"args": wish.arguments}, lists),
        *(preview.sensitive if preview else ()),
    ]
    return sensitive.fact(hits, preview=preview.state if preview else "none")


def _history(action: Action, now: datetime) -> dict[str, Any]:
    """How this agent used this tool before: one statement over the last day and the first use.

    Without the action itself, which is among its rows where it is edited.
    """
    found = _USES(
        agent=action.agent_id, tool=action.tool_name, itself=action.pk, target=action.target,
        hour=now - HOUR, day=now - DAY,
    )  # fmt: skip
    *counts, first = found[0] if found else (*(0 for _ in COUNTED), None)
    return {**dict(zip(COUNTED, counts, strict=True)), "is_first_use": first is None}
