"""Beginning a queued run at its provider, or at its agent's fallback where that one does not."""

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from approvals.services import is_agent_stopped
from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Agent, Provider
from gateway.http.errors import OutsideError
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.providers.base import StartRequest
from gateway.runs.models import Run
from gateway.runs.services import updating
from gateway.runs.services.accepting import accept
from gateway.runs.services.capping import constraints_of
from gateway.runs.services.provider_calls import provider_call
from gateway.runs.services.timeline import append, locked, shift
from gateway.runs.services.unanswered import MAY_RUN, NOT_STARTED, may_have_begun
from gateway.runs.states import RunStatus

log = structlog.get_logger(__name__)
LEASE_S = 60
GIVE_UP_AFTER = timedelta(hours=24)
# A run whose agent is off or stopped is looked at again after this long.
LOOK_AGAIN = timedelta(seconds=60)
# A provider that cannot take a start this many times is left for the fallback.
PERSISTS_AFTER = 3
FELL_BACK = "run.fell_back"
# By its meaning this answer says that the request was not handled.
UNAVAILABLE = 503


def begin(pk: str) -> None:
    """Start one due run at its provider; a provider that is down leaves it queued and due later."""
    if _has_to_wait(pk):
        return
    run = work.claim(Run.objects.filter(status=RunStatus.QUEUED), pk, lease_s=LEASE_S)
    if run is None:
        return
    context.adopt(run.correlation_id)
    wanted = StartRequest(
        client_run_id=run.public_id, task=run.task, constraints=constraints_of(run), tags=run.tags
    )
    is_asked = False
    try:
        with provider_call(run.provider, key=run.public_id) as (provider, request):
            is_asked = True
            update = provider.start(request, wanted)
        is_ours = accept(run, update.run_id)
    except OutsideError as error:
        _not_started(run, error)
        return
    except Exception as error:  # a bug of an adapter, a key that does not open, an unusable id
        log.exception("start_crashed", run=run.public_id)
        detail = f"It could not be started: {type(error).__name__}."
        _not_started(run, OutsideError("crashed", False, is_asked, detail=detail))
        return
    if is_ours:
        updating.apply_update(run.provider, update, source="start")


def why_waiting(agent: Agent) -> str:
    """Why no run of this agent begins now, in words; empty where it may."""
    if not agent.is_enabled:
        return f"Agent {agent.slug} is switched off."
    return "A kill switch is on." if is_agent_stopped(agent) else ""


def _has_to_wait(pk: str) -> bool:
    """Whether the run's agent is off or stopped: it stays queued, for a day at most."""
    due = work.due(Run.objects.filter(pk=pk, status=RunStatus.QUEUED))
    run = due.select_related("agent").first()
    if run is None or not (reason := why_waiting(run.agent)):
        return False
    if timezone.now() - run.created_at <= GIVE_UP_AFTER:
        due.update(due_at=Now() + LOOK_AGAIN)
        return True
    with transaction.atomic():
        held = locked(pk)
        if held.status == RunStatus.QUEUED:
            failure = _failure(held, "not_begun", f"The run did not begin for a day: {reason}")
            shift(held, RunStatus.FAILED, error=failure, lease_until=None)
    return True


def _not_started(run: Run, error: OutsideError) -> None:
    """Try again later, at the fallback, or never."""
    log.warning("run_not_started", run=run.public_id, reason=error.reason, attempt=run.attempts)
    is_late = timezone.now() - run.created_at > GIVE_UP_AFTER
    with transaction.atomic():
        held = locked(run.pk)
        if held.attempts != run.attempts or held.status != RunStatus.QUEUED:
            return
        told = {"reason": error.reason, "attempt": run.attempts, MAY_RUN: _may_run(error)}
        append(held, NOT_STARTED, told)
        if (other := _fallback(held, error)) is not None:
            _fall_back(held, other, reason=error.reason)
            wait_s = 0.0
        elif error.permanent or is_late:
            words = f"The provider did not start the run: {error.detail}"
            shift(
                held, RunStatus.FAILED, error=_failure(held, error.reason, words), lease_until=None
            )
            return
        else:
            wait_s = error.retry_after or work.backoff_s(run.attempts, limit_s=300)
        work.release(held, after_s=wait_s)
    ring(JobName.START_RUN, str(run.pk), delay_ms=int(wait_s * 1000))


def _may_run(error: OutsideError) -> bool:
    """Whether the provider may have begun the run although it did not say so."""
    return error.may_have_happened and error.status != UNAVAILABLE


def _fallback(run: Run, error: OutsideError) -> Provider | None:
    """The agent's other provider, where the one it has refuses for good or cannot for long.

    Never where the run may have begun at the first one: then there would be two of it. Whoever
    named another provider than the agent's wanted that one.
    """
    agent = run.agent
    other = agent.fallback_provider
    if other is None or other.archived_at or run.provider_id != agent.provider_id:
        return None
    failures = list(run.events.filter(kind=NOT_STARTED))
    if may_have_begun(run, failures):
        return None
    return other if error.permanent or len(failures) >= PERSISTS_AFTER else None


def _fall_back(run: Run, other: Provider, *, reason: str) -> None:
    before, run.provider = run.provider, other
    Run.objects.filter(pk=run.pk).update(provider=other)
    append(run, FELL_BACK, {"from": before.slug, "to": other.slug, "reason": reason})
    audit.record(
        AuditAction.RUN_FELL_BACK, target=Target("run", run.public_id), reason=reason,
        scope=run.environment.audit_scope, correlation_id=run.correlation_id,
        changes={"provider": [before.public_id, other.public_id]},
    )  # fmt: skip


def _failure(run: Run, code: str, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "debug_id": run.correlation_id,
        "next": "Check the agent, and its provider's address and key, then retry the run.",
    }
