"""What the rules see of one action: every fact, gathered once and frozen with the action."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q, Subquery

from approvals import sensitive
from approvals.models import Action
from approvals.policy import facts
from approvals.services.previewing import Preview
from approvals.services.wishes import Wish
from approvals.states import ActionStatus
from gateway.budgets import services as budgets
from gateway.lib import wordlists
from gateway.tenants.models import Environment

HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
REFUSALS = (ActionStatus.REJECTED, ActionStatus.DENIED)


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
    ours = Action.objects.filter(agent_id=action.agent_id, tool_name=action.tool_name)
    ours = ours.exclude(pk=action.pk)
    used = ours.exclude(status=ActionStatus.INVALID).order_by("created_at")
    today = Q(created_at__gte=now - DAY)
    seen = ours.filter(today | Q(pk=Subquery(used.values("pk")[:1]))).aggregate(
        calls_1h=Count("pk", filter=Q(created_at__gte=now - HOUR)),
        calls_24h=Count("pk", filter=today),
        succeeded_24h=Count("pk", filter=today & Q(status=ActionStatus.SUCCEEDED)),
        refused_24h=Count("pk", filter=today & Q(status__in=REFUSALS)),
        same_target_24h=Count("pk", filter=today & Q(target=action.target)),
        first=Min("created_at", filter=~Q(status=ActionStatus.INVALID)),
    )
    first = seen.pop("first")
    return {**seen, "is_first_use": first is None}
