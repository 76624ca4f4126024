"""Canceling and retrying runs."""

from contextlib import AbstractContextManager

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from approvals.services import cancel_run_actions
from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import Provider
from gateway.http.errors import OutsideError
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Denied, StaleState
from gateway.lib.unit_of_work import unit_of_work
from gateway.lib.work import backoff_s, timedelta
from gateway.runs.models import Run
from gateway.runs.services.beginning import FELL_BACK
from gateway.runs.services.provider_calls import provider_call
from gateway.runs.services.starting import start
from gateway.runs.services.timeline import append, locked, shift
from gateway.runs.states import RunStatus
from gateway.tenants.principals import Principal

log = structlog.get_logger(__name__)
CANCEL = "runs.cancel_run"
RETRY = "runs.retry_run"
GIVE_UP_AFTER = timedelta(hours=24)
LEASE = timedelta(seconds=60)


def cancel(*, run: Run, by: Principal, reason: str = "") -> Run:
    """End a run and withdraw its open actions; the provider is told by a worker, once it named it.

    Raises Denied, or StaleState when the run has ended already.
    """
    with _attempt(run):
        held = locked(run.pk)
        _permit(held, by, CANCEL)
        if held.is_final:
            raise StaleState(f"The run is {held.get_status_display().lower()} already.")
        told = held.provider_run_id is not None
        append(held, "run.cancel_requested", {"by": f"{by.kind}:{by.id}", "reason": reason})
        due = timezone.now() if told else None
        # The lease of a start under way stays: whoever holds it tells the provider by its answer.
        shift(held, RunStatus.CANCELED, actor=by.actor, cancel_due_at=due)
        cancel_run_actions(held.pk, by, reason=reason or "The run was canceled.")
        if told:
            ring(JobName.CANCEL_RUN, str(held.pk))
    return held


def retry(*, run: Run, by: Principal) -> Run:
    """A new run with the same task, linked to the old. Raises Denied, or StaleState while open."""
    with _attempt(run):
        held = locked(run.pk)
        _permit(held, by, RETRY)
        if not held.is_final:
            raise StaleState("The run has not ended: cancel it before you retry it.")
        again = start(
            held.environment, agent=held.agent, provider=_wanted(held), task=held.task,
            constraints=held.constraints, tags=held.tags, by=by, retry_of=held,
        )  # fmt: skip
        audit.record(
            AuditAction.RUN_RETRIED, target=Target("run", held.public_id),
            scope=held.environment.audit_scope, actor=by.actor, meta={"as": again.public_id},
        )  # fmt: skip
    return again


def tell_provider_to_cancel(pk: str) -> None:
    """Ask the provider to stop a run that was canceled; repeated for a day where it is down."""
    held = Run.objects.filter(pk=pk, cancel_due_at__lte=Now())
    # The due time is the lease: pushed on first, cleared when the provider knows.
    if not held.update(cancel_due_at=Now() + LEASE):
        return
    run = Run.objects.select_related("provider__environment", "environment__tenant").get(pk=pk)
    context.adopt(run.correlation_id)
    if (error := _tell(run)) is not None:
        log.warning("cancel_not_told", run=run.public_id, reason=error.reason)
        is_late = run.finished_at and timezone.now() - run.finished_at > GIVE_UP_AFTER
        if not error.permanent and not is_late:
            wait_s = error.retry_after or backoff_s(5, limit_s=300)
            Run.objects.filter(pk=pk).update(cancel_due_at=Now() + timedelta(seconds=wait_s))
            return
    Run.objects.filter(pk=pk).update(cancel_due_at=None)


def _tell(run: Run) -> OutsideError | None:
    """Ask the provider to stop the run; what went wrong, where something did."""
    try:
        with provider_call(run.provider, key=f"{run.public_id}-cancel") as (provider, request):
            provider.cancel(request, run.provider_run_id or "")
    except OutsideError as error:
        return error
    except Exception as error:  # a bug of an adapter, a key that does not open
        log.exception("cancel_crashed", run=run.public_id)
        detail = f"It could not be told: {type(error).__name__}."
        return OutsideError("crashed", False, True, detail=detail)
    return None


def _wanted(run: Run) -> Provider | None:
    """The provider that was asked for: a run that fell back tries the first one again."""
    fell_back = run.events.filter(kind=FELL_BACK).exists()
    return run.agent.provider if fell_back else run.provider


def _permit(run: Run, by: Principal, permission: str) -> None:
    own = by.is_member or by.agent_id == run.agent_id
    if not by.has(permission) or not own:
        raise Denied("not_permitted", "Your roles do not let you do this to the run.")


def _attempt(run: Run) -> AbstractContextManager[None]:
    return unit_of_work(
        attempt=AuditAction.RUN_REFUSED,
        target=Target("run", run.public_id),
        scope=run.environment.audit_scope,
        correlation_id=run.correlation_id,
    )
