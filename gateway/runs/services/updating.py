"""What a provider reports becomes moves, timeline lines and proposed actions."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.services import cancel_run_actions, propose
from approvals.services.wishes import RunContext
from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents import services as agents
from gateway.agents.models import Provider
from gateway.lib.changing import change
from gateway.lib.errors import Conflict
from gateway.lib.prepared import Prepared
from gateway.lib.states import announce
from gateway.lib.strictjson import Marked
from gateway.providers.base import RunUpdate, ToolCall
from gateway.runs.models import Run, RunEvent
from gateway.runs.services import capping, spending, unanswered
from gateway.runs.services.accepting import BEGUN_BY_PROVIDER
from gateway.runs.services.clocks import time_out_of
from gateway.runs.services.timeline import append, locked, provider_actor, shift
from gateway.runs.states import FINAL, RunStatus
from gateway.tenants import principals

log = structlog.get_logger(__name__)
# A provider may skip states; the run walks them in this order, in one transaction.
PATH = {
    RunStatus.QUEUED: RunStatus.RUNNING,
    RunStatus.RUNNING: RunStatus.TOOL_REQUIRED,
}
STORED_KEYS = ("output", "error")
_KNOWN = Prepared(
    lambda provider, name: Run.objects.filter(provider=provider, provider_run_id=name),
    provider=Provider._meta.pk,
    name=Run._meta.get_field("provider_run_id"),
)
_HEARD = Prepared(
    lambda run, event, kind: (
        RunEvent.objects.filter(run=run, source_event=event, kind=kind).only("pk").order_by()[:1]
    ),
    run=Run._meta.pk,
    event=RunEvent._meta.get_field("source_event"),
    kind=RunEvent._meta.get_field("kind"),
)


class RunNotReady(Exception):
    """A start of this provider has no answer yet; the event may speak of the run that it made."""


def context_of(run: Run) -> RunContext:
    """What the gate may know of the run."""
    wanted = run.constraints.get("require_approval_for", [])
    return RunContext(
        id=run.pk,
        facts=run.facts(),
        starter_user_id=run.starter_user_id,
        require_approval_for=tuple(str(name) for name in wanted),
        take_call=partial(capping.take_call, run.pk),
    )


def apply_update(
    provider: Provider,
    update: RunUpdate,
    *,
    source: str = "",
    event_public_id: str = "",
    event_sha256: str = "",
    event_facts: dict[str, Any] | None = None,
    received_at: datetime | None = None,
    correlation_id: str = "",
    ordered_by: frozenset[str] = frozenset(),
) -> Run:
    """Apply one report of a provider: idempotent per event, so a repeated one changes nothing.

    `ordered_by` are the public ids of people who had the event made: what it asks for is theirs.
    Raises RunNotReady while the run it speaks of may be one whose start has no answer yet, for some
    minutes after it was received (now, where nobody says).
    """
    run = _find_or_open(
        provider, update, received_at=received_at or timezone.now(),
        correlation_id=correlation_id, event=event_public_id,
    )  # fmt: skip
    context.adopt(run.correlation_id)
    with transaction.atomic():
        held = locked(run.pk)
        _take_in(held, update, event=event_public_id)
    if held.status not in FINAL:
        for number, call in enumerate(update.calls):
            if number:
                # The call before this one was counted or has ended the run.
                held.refresh_from_db(fields=["calls"])
            _propose(
                held, call, event=event_public_id, event_sha256=event_sha256,
                event_facts=event_facts or {}, ordered_by=ordered_by,
            )  # fmt: skip
    elif update.status in {"completed", "failed", "canceled"}:
        reason = f"The run is {held.get_status_display().lower()}."
        cancel_run_actions(held.pk, principals.system(held.environment), reason=reason)
    return held


def _find_or_open(
    provider: Provider, update: RunUpdate, *, received_at: datetime, correlation_id: str, event: str
) -> Run:
    if found := _KNOWN(provider=provider.pk, name=update.run_id):
        return found[0]
    if unanswered.may_be_of_one(provider, received_at):
        raise RunNotReady(f"{provider} is starting a run; {update.run_id} may be that one.")
    return _open(provider, update, correlation_id=correlation_id, event=event)


def _open(provider: Provider, update: RunUpdate, *, correlation_id: str, event: str) -> Run:
    """A run that the provider began by itself."""
    agent, now = agents.agent_of_provider(provider), timezone.now()
    try:
        with transaction.atomic():
            run = Run.objects.create(
                environment=provider.environment, agent=agent, provider=provider,
                provider_run_id=update.run_id, origin=Run.Origin.PROVIDER,
                status=RunStatus.RUNNING, started_by_kind=BEGUN_BY_PROVIDER,
                started_by_id=provider.public_id, started_by_label=provider.slug,
                starter_user_id=agent.owner.user_id if agent.owner else None,
                started_at=now, source_event=event,
                time_out_at=time_out_of(agent, {}, now=now),
                correlation_id=correlation_id or context.correlation_id(),
                announce_due_at=now,
            )  # fmt: skip
            append(run, "run.opened", {"provider_run_id": update.run_id}, event=event)
            audit.record(
                AuditAction.RUN_STARTED, target=Target("run", run.public_id),
                scope=run.environment.audit_scope, actor=provider_actor(run),
                meta={"agent": agent.public_id, "provider": provider.public_id},
            )  # fmt: skip
            announce(run)
            return run
    except IntegrityError:
        return Run.objects.get(provider=provider, provider_run_id=update.run_id)


def _take_in(run: Run, update: RunUpdate, *, event: str) -> None:
    """The timeline line and the moves of one update; the run is locked."""
    if event and _HEARD(run=run.pk, event=event, kind=_kind(update)):
        return
    used_up = spending.count(run, update.usage)
    if run.status in FINAL:
        append(run, f"late.{_kind(update)}", {}, event=event)
        return
    data: dict[str, Any] = {"calls": [call.name for call in update.calls]} if update.calls else {}
    if update.sequence is not None:
        data["sequence"] = update.sequence
    append(run, _kind(update), data, event=event)
    fields = _fields(update)
    if fields:
        change(run, None, **fields)
    target = _target(run, update)
    while target and run.status != target:
        if run.status == RunStatus.WAITING_APPROVAL and target not in FINAL:
            break
        # A final state may be entered from any open one, so nothing is walked through then.
        step = (
            target if type(run).machine.allows(run.status, target) else PATH[RunStatus(run.status)]
        )
        shift(run, step, actor=provider_actor(run))
    capping.keep_steps(run)
    capping.keep_budgets(run, used_up)


def _kind(update: RunUpdate) -> str:
    return (update.event or f"run.{update.status}")[:60]


def _target(run: Run, update: RunUpdate) -> RunStatus | None:
    """Where the update takes the run; waiting for people is known here, not from a provider."""
    status = RunStatus(update.status.value)
    if update.calls:
        return RunStatus.TOOL_REQUIRED
    if status in FINAL or (status == RunStatus.RUNNING and run.status == RunStatus.QUEUED):
        return status
    return None


def _fields(update: RunUpdate) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in STORED_KEYS:
        value = getattr(update, name)
        if value is not None and not isinstance(value, Marked):
            fields[name] = value
    return fields


def _propose(
    run: Run, call: ToolCall, *, event: str, event_sha256: str, event_facts: dict[str, Any],
    ordered_by: frozenset[str],
) -> None:  # fmt: skip
    """Take one tool call through the gate; a reused call id is told, not stored."""
    call_id = call.id or f"{event_sha256[:32] or event}:{call.index}"
    try:
        propose(
            environment=run.environment,
            agent=run.agent,
            tool_name=call.name,
            arguments=call.arguments,
            requester=replace(agents.principal_of_agent(run.agent), ordered_by=ordered_by),
            call_id=call_id,
            run=context_of(run),
            tags=run.tags,
            source_event=event,
            event_facts=event_facts,
            correlation_id=run.correlation_id,
        )
    except Conflict as conflict:
        with transaction.atomic():
            held = locked(run.pk)
            append(held, "call.refused", {"call_id": call_id, "code": conflict.code}, event=event)
