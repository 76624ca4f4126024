"""Taking in the answer to a start: the run gets its name at the provider, or it is another's."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.services import cancel_run_actions
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.changing import change
from gateway.lib.states import announce, announcement
from gateway.runs.models import Run
from gateway.runs.services.clocks import time_out_of
from gateway.runs.services.timeline import append, locked, shift
from gateway.runs.states import RunStatus
from gateway.tenants import principals

BEGUN_BY_PROVIDER = "provider"
# What a run is by its starter's will; whoever goes on with it has all of them.
WILL = (
    "agent", "task", "constraints", "tags", "started_by_kind", "started_by_id", "started_by_label",
    "starter_user_id",
)  # fmt: skip
TOLD = ("constraints", "tags", "started_by_kind", "started_by_id")


def accept(run: Run, name: str) -> bool:
    """Give the run, as its worker claimed it, the name it has at its provider.

    False where the claim was lost, or the run has ended meanwhile: then its provider is told to end
    it as well. A name that another run has already ends this one: the other was opened by an event
    that came before the answer, and goes on by this one's will.
    """
    with transaction.atomic():
        held = locked(run.pk)
        if held.is_final and held.provider_run_id is None and held.provider_id == run.provider_id:
            _call_off(held, name)
            return False
        if held.attempts != run.attempts or held.status != RunStatus.QUEUED:
            return False
        # Running whatever was said: what dies before the rest is taken in leaves no row that is
        # neither due nor has a time to be over.
        fields: dict[str, Any] = {"provider_run_id": name, "due_at": None, "lease_until": None}
        try:
            with transaction.atomic():
                append(held, "run.accepted", {"provider_run_id": name})
                shift(held, RunStatus.RUNNING, **fields)
        except IntegrityError:
            other = _namesake(held, name)
            _end_for(locked(run.pk), other)
    return True


def _call_off(run: Run, name: str) -> None:
    """It ended while its start was under way, and nobody could be told by name."""
    try:
        with transaction.atomic():
            change(run, None, provider_run_id=name, lease_until=None, cancel_due_at=work.at_once())
            append(run, "late.run.accepted", {"provider_run_id": name})
    except IntegrityError:
        other = _namesake(run, name)
        if other.started_by_kind == BEGUN_BY_PROVIDER and not other.is_final:
            _cancel_for(run, other)
        return
    ring(JobName.CANCEL_RUN, str(run.pk))


def _cancel_for(run: Run, other: Run) -> None:
    """End the run that an event opened before the answer came to one that had ended."""
    reason = f"It is what {run.public_id} had begun, and that has ended."
    append(other, "run.cancel_requested", {"by": f"run:{run.public_id}", "reason": reason})
    shift(other, RunStatus.CANCELED, reason=reason, cancel_due_at=work.at_once())
    cancel_run_actions(other.pk, principals.system(other.environment), reason=reason)
    ring(JobName.CANCEL_RUN, str(other.pk))


def _namesake(run: Run, name: str) -> Run:
    """The other run of this name, locked. Raises Run.DoesNotExist."""
    found = Run.objects.only("pk").get(provider=run.provider_id, provider_run_id=name)
    return locked(found.pk)


def _end_for(run: Run, other: Run) -> None:
    if other.started_by_kind == BEGUN_BY_PROVIDER and not other.is_final:
        _hand_over(run, other)
    error = {
        "code": "known_as_another",
        "message": f"What the provider runs for it is known as {other.public_id} already.",
        "debug_id": run.correlation_id,
        "next": f"Follow {other.public_id}. Retry this run only where that is not what you wanted.",
    }
    told = {"provider_run_id": other.provider_run_id, "as": other.public_id}
    append(run, "run.known_as_another", told)
    shift(run, RunStatus.FAILED, reason=error["code"], error=error, lease_until=None)


def _hand_over(run: Run, other: Run) -> None:
    """Let the other go on by the run's will, with the run's time from now on."""
    before = {name: getattr(other, name) for name in TOLD}
    change(
        other, None, **{name: getattr(run, name) for name in WILL}, **_times(run, other),
        **announcement(other),
    )  # fmt: skip
    announce(other)
    append(other, "run.took_over", {"from": run.public_id, "task": run.task})
    audit.record(
        AuditAction.RUN_TOOK_OVER, target=Target("run", other.public_id),
        scope=other.environment.audit_scope, correlation_id=other.correlation_id,
        changes={name: [before[name], getattr(run, name)] for name in TOLD},
        meta={"from": run.public_id},
    )  # fmt: skip


def _times(run: Run, other: Run) -> dict[str, Any]:
    now = timezone.now()
    ends = time_out_of(run.agent, run.constraints, now=now)
    if other.status == RunStatus.WAITING_APPROVAL:
        return {"time_out_at": None, "time_left": ends and ends - now}
    return {"time_out_at": ends, "time_left": None}
