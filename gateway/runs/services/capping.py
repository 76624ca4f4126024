"""Caps of a run: the smaller of its own and its agent's counts, and a reached one ends the run."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action
from approvals.services import cancel_run_actions, is_agent_stopped
from approvals.services.wishes import NoRoom
from approvals.states import ActionStatus
from gateway.agents import caps
from gateway.budgets import services as budgets
from gateway.budgets.services import Standing
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.changing import change
from gateway.runs.models import Run
from gateway.runs.services.timeline import append, locked, shift
from gateway.runs.states import FINAL, RunStatus
from gateway.tenants import principals

BUDGET_CODE, ENDED_CODE = "budget_exceeded", "run_ended"
# A run that stands for another reason than a person is asked again after this long.
LOOK_AGAIN = timedelta(seconds=60)
WORDS = {
    "max_tool_calls": "asked for {used} tool calls; it may make {most}",
    "max_steps": "took {used} steps; it may take {most}",
    "timeout_s": "took longer than {most} s, not counting what people needed to decide",
}


def constraints_of(run: Run) -> dict[str, Any]:
    """What the run's provider is told: its constraints, made smaller by its agent's caps."""
    told = dict(run.constraints)
    for name in WORDS:
        if (most := caps.smallest(name, run.agent.caps, run.constraints)) is not None:
            told[name] = most
    return told


def take_call(pk: Any) -> NoRoom | None:
    """Count one more tool call of the run, in the transaction that stores it.

    Where the run has ended or may make no more, says so; the call that is one too many ends it.
    """
    run = locked(pk)
    if run.is_final:
        ended = f"The run is {run.get_status_display().lower()} already."
        return NoRoom(ENDED_CODE, ended)
    most = caps.smallest("max_tool_calls", run.agent.caps, run.constraints)
    if most is not None and run.calls >= most:
        return NoRoom(BUDGET_CODE, _end(run, "max_tool_calls", used=run.calls + 1, most=most))
    change(run, None, calls=F("calls") + 1)
    return None


def keep_steps(run: Run) -> None:
    """End the run where it took more steps than it may, as its provider reports them."""
    most = caps.smallest("max_steps", run.agent.caps, run.constraints)
    used = int(run.usage.get("steps") or 0)
    if most is not None and used > most and not run.is_final:
        _end(run, "max_steps", used=used, most=most)


def time_out_due(limit: int) -> int:
    """End the runs whose own time is over; how many were looked at."""
    late = Run.objects.filter(time_out_at__lte=Now()).exclude(status__in=FINAL)
    found = list(late.order_by("time_out_at").values_list("pk", flat=True)[:limit])
    for pk in found:
        _time_out(pk)
    return len(found)


@transaction.atomic
def _time_out(pk: Any) -> None:
    run = locked(pk)
    if run.is_final or run.time_out_at is None or run.time_out_at > timezone.now():
        return
    waits = Action.objects.filter(run_id=pk, status=ActionStatus.PENDING)
    # A person was asked a moment ago, or a kill switch holds everything: neither is the run's time.
    if waits.exists() or is_agent_stopped(run.agent):
        Run.objects.filter(pk=pk).update(time_out_at=Now() + LOOK_AGAIN)
        return
    most = caps.smallest("timeout_s", run.agent.caps, run.constraints) or 0
    _end(run, "timeout_s", used=most, most=most)


def keep_budgets(run: Run, used_up: list[Standing]) -> None:
    """End the run where what it reported used a budget up."""
    if not used_up or run.is_final:
        return
    message = budgets.refusal(used_up[0]).detail
    name = used_up[0].budget.name
    _fail(
        run, name, message, advice=f"Raise budget {name} or wait for its next period, then retry."
    )


def _end(run: Run, cap: str, *, used: int, most: int) -> str:
    """End the run by a cap of its own; the reason in words."""
    message = f"The run {WORDS[cap].format(used=used, most=most)}."
    advice = f"Raise {cap} of the run or of agent {run.agent.slug}, then retry the run."
    return _fail(run, cap, message, advice=advice)


def _fail(run: Run, cap: str, message: str, *, advice: str) -> str:
    """The run fails, its open actions are withdrawn, its provider is told; the message again."""
    error = {
        "code": BUDGET_CODE,
        "cap": cap,
        "message": message,
        "debug_id": run.correlation_id,
        "next": advice,
    }
    told = run.provider_run_id is not None
    append(run, "run.cap_reached", error)
    shift(
        run, RunStatus.FAILED, reason=BUDGET_CODE, error=error, lease_until=None,
        cancel_due_at=work.at_once() if told else None,
    )  # fmt: skip
    cancel_run_actions(run.pk, principals.system(run.environment), reason=message)
    if told:
        ring(JobName.CANCEL_RUN, str(run.pk))
    return message
