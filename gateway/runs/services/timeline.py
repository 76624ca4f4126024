"""Writing a run's timeline, its moves and their audit records in one shape."""

from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Actor, Target
from audit.inserting import insert
from gateway.lib import live
from gateway.lib.prepared import Prepared
from gateway.lib.states import move
from gateway.runs.models import Run, RunEvent
from gateway.runs.services.clocks import clock
from gateway.runs.states import FINAL, RunStatus

_LOCKED = Prepared(
    lambda key: (
        Run.objects.select_for_update(of=("self",))
        .select_related("environment__tenant", "agent__owner__user", "provider")
        .filter(pk=key)
    ),
    key=Run._meta.pk,
)
_LAST_LINE = Prepared(
    lambda run: RunEvent.objects.filter(run=run).order_by("-number").only("number")[:1],
    run=Run._meta.pk,
)


def locked(pk: Any) -> Run:
    """The run, locked for this transaction, its parts in one and the same environment.

    Raises Run.DoesNotExist.
    """
    found = _LOCKED(key=pk)
    if not found:
        raise Run.DoesNotExist(f"Run {pk} is gone.")
    (run,) = found
    for part in (run.agent, run.provider):
        # Else each of them asks the database for it once more.
        if part.environment_id == run.environment_id:
            part.environment = run.environment
    return run


def append(run: Run, kind: str, data: dict[str, Any] | None = None, *, event: str = "") -> RunEvent:
    """Add a line to the timeline; the caller holds the run's lock."""
    last = next((line.number for line in _LAST_LINE(run=run.pk)), 0)
    line = RunEvent(
        run=run, number=last + 1, kind=kind, data=data or {}, source_event=event,
        created_at=timezone.now(),
    )  # fmt: skip
    insert(line)
    live.publish(run.live_topic, {"kind": "run_event", "id": run.public_id, "number": line.number})
    return line


def shift(
    run: Run, to: RunStatus, *, actor: Actor | None = None, reason: str = "", **fields: Any
) -> None:
    """Move the run one step, with the times that belong to it and its audit record."""
    fields |= clock(run, to, now=timezone.now())
    before = run.status
    if to == RunStatus.RUNNING and run.started_at is None:
        fields["started_at"] = Now()
    if to in FINAL:
        fields["finished_at"] = Now()
        fields["due_at"] = None
    move(run, to, **fields)
    audit.record(
        AuditAction.RUN_MOVED,
        target=Target("run", run.public_id),
        scope=run.environment.audit_scope,
        changes={"status": [before, str(to)]},
        actor=actor,
        reason=reason,
        correlation_id=run.correlation_id,
    )


def provider_actor(run: Run) -> Actor:
    """The provider, as the one that moved the run."""
    return Actor("provider", run.provider.public_id)
