"""Queueing runs: a row first, the provider afterwards (`beginning`)."""

from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from audit import context
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents import services as agents
from gateway.agents.models import Agent, Provider
from gateway.lib import work
from gateway.lib.broker import JobName, ring
from gateway.lib.errors import Refused
from gateway.lib.states import announce
from gateway.runs.models import Run
from gateway.runs.services import spending
from gateway.runs.services.timeline import append
from gateway.tenants.models import Environment
from gateway.tenants.principals import Principal

log = structlog.get_logger(__name__)
LEASE_S = 60
GIVE_UP_AFTER = timedelta(hours=24)
QUEUED, KEY = "run.queued", "key"
CONSTRAINTS = frozenset({"max_steps", "max_tool_calls", "require_approval_for", "timeout_s"})


def start(
    environment: Environment,
    *,
    agent: Agent | None,
    provider: Provider | None,
    task: str,
    by: Principal,
    constraints: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    correlation_id: str = "",
    origin_event: str = "",
    origin_key: str = "",
    retry_of: Run | None = None,
) -> Run:
    """Queue a run; a worker starts it. Needs an agent with a provider, or a provider.

    A route says which of its event's runs this is by `origin_key`; `started_for` finds it by that.
    Raises Refused when nothing can run it, for unknown constraints, or where its budget of tokens
    or cost is used up.
    """
    if unknown := set(constraints or {}) - CONSTRAINTS:
        raise Refused(
            "unknown_constraint", f"A run has no constraint {', '.join(sorted(unknown))}."
        )
    runner = provider or (agent.provider if agent else None)
    if runner is None:
        raise Refused("no_provider", "Name a provider, or an agent that has one.")
    who = agent or agents.agent_of_provider(runner)
    if not who.is_enabled:
        raise Refused("agent_off", f"Agent {who.slug} is switched off.")
    spending.check_room(environment, who, tags or {})
    with transaction.atomic():
        run = Run(
            environment=environment, agent=who, provider=runner, task=task,
            origin=Run.Origin.ROUTE if origin_key else Run.Origin.API,
            constraints=constraints or {}, tags=tags or {}, started_by_kind=by.kind,
            started_by_id=by.id, started_by_label=by.label[:120],
            starter_user_id=by.user.pk if by.user else by.owner_id, retry_of=retry_of,
            source_event=origin_event, correlation_id=correlation_id or context.correlation_id(),
            due_at=work.at_once(), announce_due_at=timezone.now(),
        )  # fmt: skip
        run.save(force_insert=True)
        queued = {"by": f"{by.kind}:{by.id}", "task": task}
        known_by = {KEY: origin_key} if origin_key else {}
        append(run, QUEUED, queued | known_by, event=origin_event)
        audit.record(
            AuditAction.RUN_STARTED, target=Target("run", run.public_id),
            scope=environment.audit_scope, actor=by.actor,
            meta={"agent": who.public_id, "provider": runner.public_id},
        )  # fmt: skip
        announce(run)
        ring(JobName.START_RUN, str(run.pk))
    return run


def started_for(event: str, *, key: str) -> Run | None:
    """The run that a route has started for this event under this key."""
    for run in Run.objects.filter(source_event=event, origin=Run.Origin.ROUTE).order_by("id"):
        queued = run.events.filter(kind=QUEUED).first()
        if queued is None or queued.data.get(KEY, event) == key:
            return run
    return None
