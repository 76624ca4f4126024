"""A run's own time: it passes while the agent or a tool works, and stands while people decide."""

from datetime import datetime, timedelta
from typing import Any

from gateway.agents import caps
from gateway.agents.models import Agent
from gateway.runs.models import Run
from gateway.runs.states import FINAL, RunStatus


def time_out_of(agent: Agent, constraints: dict[str, Any], *, now: datetime) -> datetime | None:
    """When a run that begins now has used up its time; None where it has no end."""
    seconds = caps.smallest("timeout_s", agent.caps, constraints)
    return now + timedelta(seconds=seconds) if seconds is not None else None


def clock(run: Run, to: RunStatus, *, now: datetime) -> dict[str, Any]:
    """The columns of the run's clock that belong to a move into this state."""
    if to in FINAL:
        return {"time_out_at": None, "time_left": None}
    if to == RunStatus.RUNNING and run.started_at is None:
        return {"time_out_at": time_out_of(run.agent, run.constraints, now=now)}
    if to == RunStatus.WAITING_APPROVAL and run.time_out_at is not None:
        return {"time_out_at": None, "time_left": max(run.time_out_at - now, timedelta())}
    if run.status == RunStatus.WAITING_APPROVAL and run.time_left is not None:
        return {"time_out_at": now + run.time_left, "time_left": None}
    return {}
