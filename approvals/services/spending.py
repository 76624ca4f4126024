"""Budgets at the gate: what a call would take, setting it aside, and what becomes of it later."""

from typing import Any

from django.utils import timezone

from approvals.findings import Finding, Ruling
from approvals.models import Action
from approvals.services.wishes import Wish
from approvals.states import ActionStatus, ExecutionStatus
from gateway.agents.models import Agent
from gateway.budgets import services as budgets
from gateway.lib import ids

RUN_PREFIX = "run"
REFUSALS = frozenset({budgets.EXCEEDED, budgets.TOO_FAST, budgets.UNREADABLE})
# Where nothing will run any more, or not before somebody decides again, nothing is kept aside.
GIVES_BACK = frozenset(
    {
        ActionStatus.PENDING, ActionStatus.DENIED, ActionStatus.INVALID, ActionStatus.REJECTED,
        ActionStatus.EXPIRED, ActionStatus.CANCELED,
    }
)  # fmt: skip


def look(wish: Wish, tags: dict[str, Any]) -> list[budgets.Standing]:
    """Every budget and cap that the call falls under, and how each stands."""
    return budgets.look(
        wish.environment,
        _subjects(
            wish.agent, wish.tool_name, run_id=wish.run.id if wish.run else None,
            tags=wish.run.facts.get("tags") if wish.run else tags,
        ),
        charge={
            "args": wish.arguments,
            "tool": wish.version.facts() if wish.version else {},
        },
        calls_per_minute=_calls_per_minute(wish.agent),
        rates="none" if wish.is_edit else "all",
    )  # fmt: skip


def findings(wish: Wish) -> list[Finding]:
    """What a reviewer could not give either: a call that fits no more is refused at once.

    One that is judged again has been let in: its pace was counted then, and its approval asks.
    """
    if wish.is_edit:
        return []
    refused = map(budgets.refusal, budgets.short_of(wish.standings))
    return [
        Finding("budget", error.code, error.detail, Ruling.DENY, error.extra) for error in refused
    ]


def set_aside_for_new(action: Action, standings: list[budgets.Standing]) -> None:
    """Take what a call needs as it is stored: all where policy allows it, its pace where it waits.

    One that lost a race for the last of a budget is refused after all.
    """
    if action.code in REFUSALS:
        budgets.refused(budgets.short_of(standings))
        return
    needed = standings if action.status == ActionStatus.APPROVED else _rates(standings)
    if action.status not in {ActionStatus.APPROVED, ActionStatus.PENDING}:
        return
    try:
        budgets.reserve(action.environment, action.public_id, needed)
    except budgets.Exceeded as error:
        _refuse(action, error)


def set_aside(action: Action) -> None:
    """Take what an approved action needs. Raises Exceeded where a budget has no room for it."""
    version = action.tool_version
    run_tags = (action.facts.get("run") or {}).get("tags")
    standings = budgets.look(
        action.environment,
        _subjects(
            action.agent, action.tool_name, run_id=action.run_id,
            tags=run_tags if action.run_id else action.tags,
        ),
        charge={"args": action.arguments_value, "tool": version.facts() if version else {}},
        rates="none",
    )  # fmt: skip
    if short := budgets.short_of(standings):
        raise budgets.refusal(short[0])
    budgets.release(action.public_id)
    budgets.reserve(action.environment, action.public_id, standings)


def give_back(action: Action) -> None:
    """What was set aside for an action that is judged again; it takes its part anew if it may."""
    budgets.release(action.public_id)


def follow(*actions: Action) -> None:
    """Use up or give back what these actions had set aside, by the states they came to.

    One call for all that a transaction changes, so that counters are locked in one order. What may
    have happened counts as used; an unknown outcome keeps its amount aside.
    """
    done = [a.public_id for a in actions if _may_have_happened(a)]
    over = [a.public_id for a in actions if a.status in GIVES_BACK or a.status == "failed"]
    if done:
        budgets.settle(*done)
    if back := [ref for ref in over if ref not in done]:
        budgets.release(*back)


def _may_have_happened(action: Action) -> bool:
    if action.status == ActionStatus.FAILED and action.code not in ("reconciled", "looked_up"):
        return action.executions.filter(status=ExecutionStatus.UNKNOWN).exists()
    return action.status == ActionStatus.SUCCEEDED


def _rates(standings: list[budgets.Standing]) -> list[budgets.Standing]:
    return [standing for standing in standings if standing.budget.is_rate]


def _refuse(action: Action, error: budgets.Exceeded) -> None:
    action.status, action.code, action.reason = ActionStatus.DENIED, error.code, error.detail
    action.refusal, action.settled_at = error.extra, timezone.now()
    action.requirement, action.digest, action.nonce = None, "", ""
    action.approved_at = action.due_at = action.execute_by = action.decide_by = None


def _subjects(
    agent: Agent, tool: str, *, run_id: Any, tags: dict[str, Any] | None
) -> budgets.Subjects:
    """A run's tags count, whatever its calls say of themselves."""
    run = ids.encode(RUN_PREFIX, run_id) if run_id else ""
    return budgets.Subjects(agent=agent.slug, tool=tool, run=run, tags=tags or {})


def _calls_per_minute(agent: Agent) -> int | None:
    """The agent's own cap; one that is no number lets nothing pass."""
    cap = agent.caps.get(budgets.CAP)
    if cap is None:
        return None
    return cap if isinstance(cap, int) and not isinstance(cap, bool) else 0
