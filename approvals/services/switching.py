"""The kill switch: nothing of its scope is claimed while it is on, and nothing is canceled by it.

Every claim asks for it in the statement that takes the action (`executor`), so there is nothing to
tell to anybody: from the commit on, no process claims any more.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists
from django.utils import timezone

from approvals.models import Action, KillSwitch
from approvals.models.switches import AGENT, ENVIRONMENT, TOOL
from approvals.services import due
from audit import services as audit
from audit.actions import AuditAction
from audit.context import SYSTEM, Actor, Target
from gateway.agents.models import Agent
from gateway.lib.broker import JobName, ring
from gateway.lib.changing import Condition, Held
from gateway.lib.errors import Conflict, Denied, Refused
from gateway.lib.prepared import Prepared
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.models import Environment, User
from gateway.tenants.principals import Principal
from gateway.tools.models import Tool

USE = "approvals.use_kill_switch"
MAX_REASON = 2000
_SCOPE = KillSwitch._meta.get_field("scope")
_KINDS: dict[str, Any] = {"environment": Environment._meta.pk, "agent": _SCOPE, "tool": _SCOPE}
_STOPPING = Prepared(
    lambda environment, agent, tool: KillSwitch.objects.of(
        environment, ENVIRONMENT, agent, tool
    ).select_related("turned_on_by"),
    **_KINDS,
)
_NOT_STOPPED = Condition(
    lambda environment, agent, tool: (
        ~Exists(KillSwitch.objects.of(environment, ENVIRONMENT, agent, tool))
    ),
    **_KINDS,
)


def set_kill_switch(
    environment: Environment, *, scope: str, on: bool, reason: str, by: Principal
) -> KillSwitch:
    """Stop the scope (`environment`, `agent:slug` or `tool:name`), or let it go on.

    Stopping what is stopped already gives the switch that does. To let it go on the scope may be
    the id of a switch, and must be where several are on over the same: each was turned on for a
    reason of its own. Raises Denied, Refused for an unknown scope or without a reason, Conflict
    where there is nothing to let go on, or more than one.
    """
    with unit_of_work(
        attempt=AuditAction.KILL_SWITCH_REFUSED,
        target=Target("environment", environment.public_id),
        scope=environment.audit_scope,
    ):
        if by.user is None or not by.has(USE):
            raise Denied("not_permitted", "Only operators and admins use the kill switch.")
        if not reason.strip() or len(reason) > MAX_REASON:
            detail = f"Say why, in at most {MAX_REASON} characters: everybody here reads it."
            raise Refused("reason_missing", detail)
        if on:
            known = _known(environment, scope)
            return _turn_on(environment, known, reason=reason.strip(), by=by, user=by.user)
        return _turn_off(environment, scope, reason=reason.strip(), by=by)


def stop_everywhere(*, cause: str, reason: str) -> int:
    """Stop all environments, once for a cause; how many were stopped now.

    For what the deployment finds by itself, before anything may run: nobody's permission is asked.
    Whoever may use a kill switch lets an environment go on, and it is not stopped again for the
    same cause, nor is one that was made later. What the deployment holds already stays as it is:
    two of its switches would be one decision, to be made twice.
    """
    known = KillSwitch.objects.filter(cause=cause)
    held = KillSwitch.objects.on().filter(scope=ENVIRONMENT).exclude(cause="")
    try:
        with transaction.atomic():
            if known.exists():
                return 0
            environments = Environment.objects.exclude(pk__in=held.values("environment"))
            environments = environments.select_related("tenant")
            return len([_stop(environment, cause, reason) for environment in environments])
    except IntegrityError:
        if known.exists():
            return 0  # another process of ours found the same in this moment
        raise


def _stop(environment: Environment, cause: str, reason: str) -> KillSwitch:
    switch = KillSwitch.objects.create(
        environment=environment, scope=ENVIRONMENT, cause=cause, reason=reason
    )
    _record(switch, AuditAction.KILL_SWITCH_ON, SYSTEM, before=False)
    return switch


def stopping(action: Action) -> list[KillSwitch]:
    """The switches that keep this action from being claimed now."""
    return _STOPPING(**_scopes_of(action))


def not_stopped(action: Action) -> Held:
    """That none does, as a condition of the statement which takes the action."""
    return _NOT_STOPPED(**_scopes_of(action))


def _scopes_of(action: Action) -> dict[str, Any]:
    return {
        "environment": action.environment_id,
        "agent": f"{AGENT}{action.agent.slug}",
        "tool": f"{TOOL}{action.tool_name}",
    }


def stopped_here(environment: Environment) -> list[KillSwitch]:
    """Everything that is stopped in the environment, the newest first."""
    found = KillSwitch.objects.on().within(environment)
    return list(found.select_related("turned_on_by"))


def is_agent_stopped(agent: Agent) -> bool:
    """Whether nothing of this agent may begin now."""
    return bool(KillSwitch.objects.over_agent(agent.environment_id, agent.slug).exists())


def _known(environment: Environment, scope: str) -> str:
    """The scope as it is stored. Raises Refused where there is no such thing."""
    if scope == ENVIRONMENT:
        return scope
    if scope.startswith(AGENT):
        agents, name = Agent.objects.within(environment), scope.removeprefix(AGENT)
        agent = agents.filter(slug=name).first() or agents.public(name).first()
        if agent is not None:
            return f"{AGENT}{agent.slug}"
        raise Refused("unknown_agent", f"There is no agent {name[:80]!r} in this environment.")
    if scope.startswith(TOOL):
        tools, name = Tool.objects.within(environment), scope.removeprefix(TOOL)
        tool = tools.filter(name=name).first() or tools.public(name).first()
        if tool is not None:
            return f"{TOOL}{tool.name}"
        raise Refused("unknown_tool", f"There is no tool {name[:80]!r} in this environment.")
    raise Refused("unknown_scope", "A scope is `environment`, `agent:slug` or `tool:name`.")


def _turn_on(
    environment: Environment, scope: str, *, reason: str, by: Principal, user: User
) -> KillSwitch:
    try:
        with transaction.atomic():
            switch = KillSwitch.objects.create(
                environment=environment, scope=scope, reason=reason, turned_on_by=user
            )
    except IntegrityError:
        # On already, or somebody else was faster: it is stopped, which is what was wanted.
        return KillSwitch.objects.on().within(environment).get(scope=scope, cause="")
    _record(switch, AuditAction.KILL_SWITCH_ON, by.actor, before=False)
    return switch


def _turn_off(environment: Environment, scope: str, *, reason: str, by: Principal) -> KillSwitch:
    switch = _the_one(environment, scope)
    switch.turned_off_at, switch.turned_off_by = timezone.now(), by.user
    switch.off_reason = reason
    switch.save(update_fields=["turned_off_at", "turned_off_by", "off_reason"])
    _record(switch, AuditAction.KILL_SWITCH_OFF, by.actor, before=True)
    for pk in due.due_to_execute(environment):
        ring(JobName.EXECUTE_ACTION, str(pk))
    return switch


def _the_one(environment: Environment, name: str) -> KillSwitch:
    """The one switch that is on under this id or over this scope. Raises Refused and Conflict."""
    on = KillSwitch.objects.on().within(environment)
    if name.startswith(f"{KillSwitch.PREFIX}_"):
        named = on.public(name)
    else:
        # Whoever named the agent or tool by its id when turning on may do so here; of what is gone
        # the scope itself is enough to go on.
        is_scope = on.filter(scope=name).exists()
        named = on.filter(scope=name if is_scope else _known(environment, name))
    found = list(named.select_for_update(of=("self",)).select_related("turned_on_by"))
    if not found:
        raise Conflict("not_stopped", f"Nothing to let go on: no kill switch is on for {name}.")
    if len(found) > 1:
        each = ", ".join(f"{one.public_id} ({one.stopped_by})" for one in found)
        detail = f"{len(found)} kill switches are on for {name}; name one by its id: {each}."
        raise Conflict("several_switches", detail)
    return found[0]


def _record(switch: KillSwitch, what: AuditAction, actor: Actor, *, before: bool) -> None:
    """The reason's text stays with the row: what is in the log can never be erased."""
    audit.record(
        what, target=Target("kill_switch", switch.public_id), actor=actor,
        scope=switch.environment.audit_scope, changes={"on": [before, switch.is_on]},
        meta={"scope": switch.scope},
    )  # fmt: skip
