"""Budgets of tokens and cost: what providers report is counted, and a used-up one ends the run."""

from typing import Any

from gateway.agents.models import Agent
from gateway.budgets import services as budgets
from gateway.budgets.services import Standing, Subjects
from gateway.providers.base import Usage
from gateway.runs.models import Run
from gateway.tenants.models import Environment

COUNTED = ("input_tokens", "output_tokens", "cost_micro_usd", "steps")


def count(run: Run, usage: Usage | None) -> list[Standing]:
    """Take in what the run has used so far; the budgets that are used up now.

    Providers report totals, and events overtake each other: the larger number stands, and only
    what it grew by is charged. The run is locked.
    """
    if usage is None:
        return []
    before = {name: int(run.usage.get(name) or 0) for name in COUNTED}
    now = {name: max(before[name], getattr(usage, name)) for name in COUNTED}
    run.usage = {"model": usage.model or run.usage.get("model", ""), **now}
    Run.objects.filter(pk=run.pk).update(usage=run.usage)
    grown = {name: now[name] - before[name] for name in COUNTED}
    return budgets.add_reported(
        run.environment,
        run.public_id,
        Subjects(agent=run.agent.slug, run=run.public_id, tags=run.tags),
        tokens=grown["input_tokens"] + grown["output_tokens"],
        cost=grown["cost_micro_usd"],
    )


def check_room(environment: Environment, agent: Agent, tags: dict[str, Any]) -> None:
    """Raises Exceeded where a new run would find its tokens or its cost used up already."""
    standings = budgets.look(environment, Subjects(agent=agent.slug, tags=tags))
    if short := budgets.short_of(standings):
        raise budgets.refusal(short[0])
