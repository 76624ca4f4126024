"""Counts beside tools, agents and runs. They look across apps, so they live in the roof."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import template
from django.db.models import Count, Q
from django.utils import timezone

from approvals.models import Action
from approvals.states import ActionStatus
from gateway.runs.models import Run

register = template.Library()
TOOL_DAYS = 7
REFUSED = (
    ActionStatus.INVALID, ActionStatus.DENIED, ActionStatus.REJECTED, ActionStatus.EXPIRED,
)  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """How many actions, failed actions and runs belong to each key."""

    actions: dict[Any, int]
    failed: dict[Any, int]
    runs: dict[Any, int]


@dataclass(frozen=True)
class Refusals:
    """How many actions of an agent were refused for one reason, and the list of them."""

    status: str
    code: str
    count: int
    query: str


@register.simple_tag(takes_context=True)
def counts_by_tool(context: template.Context) -> Counts:
    """Actions of the last days by tool name."""
    since = timezone.now() - timedelta(days=TOOL_DAYS)
    rows = Action.objects.within(context["request"].environment).filter(created_at__gte=since)
    bad = Q(status=ActionStatus.FAILED)
    grouped = rows.order_by().values("tool_name").annotate(n=Count("pk"), f=Count("pk", filter=bad))
    found = list(grouped.values_list("tool_name", "n", "f"))
    return Counts({k: n for k, n, _ in found}, {k: f for k, _, f in found}, {})


@register.simple_tag(takes_context=True)
def counts_by_agent(context: template.Context) -> Counts:
    """Actions and runs by agent."""
    environment = context["request"].environment
    by = [model.objects.within(environment).order_by().values("agent") for model in (Action, Run)]
    actions, runs = (dict(x.annotate(n=Count("pk")).values_list("agent", "n")) for x in by)
    return Counts(actions, {}, runs)


@register.simple_tag(takes_context=True)
def refusals_of(context: template.Context, agent: Any) -> list[Refusals]:
    """What the agent asked for and did not get, by state and code, the most frequent first."""
    rows = Action.objects.within(context["request"].environment).filter(agent=agent)
    grouped = rows.filter(status__in=REFUSED).order_by().values("status", "code")
    found = grouped.annotate(n=Count("pk")).order_by("-n", "status", "code")
    return [
        Refusals(
            row["status"], row["code"], row["n"],
            urlencode({"agent": agent.slug, "status": row["status"], "code": row["code"]}),
        )
        for row in found
    ]  # fmt: skip


@register.simple_tag(takes_context=True)
def counts_by_run(context: template.Context, runs: Iterable[Run]) -> Counts:
    """Actions of the runs on this page."""
    rows = Action.objects.within(context["request"].environment).filter(
        run_id__in=[run.pk for run in runs]
    )
    grouped = rows.order_by().values("run_id").annotate(n=Count("pk"))
    return Counts(dict(grouped.values_list("run_id", "n")), {}, {})


@register.filter
def count_of(counts: Counts, row: Any) -> int:
    """The actions of a tool, an agent or a run."""
    return counts.actions.get(_key(row), 0)


@register.filter
def failed_of(counts: Counts, row: Any) -> int:
    """The failed actions of a tool."""
    return counts.failed.get(_key(row), 0)


@register.filter
def runs_of(counts: Counts, row: Any) -> int:
    """The runs of an agent."""
    return counts.runs.get(_key(row), 0)


def _key(row: Any) -> Any:
    return row.name if hasattr(row, "versions") else row.pk
