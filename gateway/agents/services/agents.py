"""Agents: creating and changing them."""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents import caps as limits
from gateway.agents.models import EVERY_TOOL, Agent, Provider
from gateway.agents.services.calling import check_grants
from gateway.lib.errors import Refused, StaleState
from gateway.tenants.models import Environment, Member

CHANGEABLE = frozenset(
    {"name", "owner", "provider", "fallback_provider", "tools", "caps", "is_enabled"}
)


@transaction.atomic
def create(
    environment: Environment,
    *,
    slug: str,
    name: str,
    owner: Member | None = None,
    provider: Provider | None = None,
    fallback_provider: Provider | None = None,
    tools: list[dict[str, Any]] | None = None,
    caps: dict[str, Any] | None = None,
    enabled: bool = True,
) -> Agent:
    """A new agent; without a list of tools it may propose every enabled one.

    Raises Refused for a slug in use, a scope that does not compile, an unknown cap, an owner who is
    no active member, or a fallback that is none.
    """
    if Agent.objects.within(environment).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is an agent {slug!r} already.")
    grants = tools if tools is not None else [{"name": EVERY_TOOL}]
    agent = Agent(
        environment=environment, slug=slug, name=name, owner=owner, provider=provider,
        fallback_provider=fallback_provider, tools=grants, caps=caps or {}, is_enabled=enabled,
    )  # fmt: skip
    _check(agent, CHANGEABLE)
    agent.save(force_insert=True)
    audit.record(
        AuditAction.AGENT_CREATED,
        target=Target("agent", agent.public_id, agent.version),
        scope=environment.audit_scope,
        changes={"tools": [None, [grant["name"] for grant in grants]], "enabled": [None, enabled]},
    )
    return agent


@transaction.atomic
def update(agent: Agent, *, version: int | None = None, **changes: Any) -> Agent:
    """Change an agent and raise its version; what stays as it is raises nothing.

    `version` is the one that the change was made on: StaleState where it is no longer the newest.
    Raises Refused as `create` does.
    """
    if unknown := set(changes) - CHANGEABLE:
        raise Refused("unknown_field", f"An agent has no field {', '.join(sorted(unknown))}.")
    held = Agent.objects.select_for_update(of=("self",)).get(pk=agent.pk)
    if version is not None and version != held.version:
        raise StaleState(
            f"Agent {held.slug} was changed meanwhile: it has version {held.version} now.",
            version=held.version,
        )
    before = {name: _told(getattr(held, name)) for name in changes}
    for name, value in changes.items():
        setattr(held, name, value)
    after = {name: _told(getattr(held, name)) for name in changes}
    changed = {name: [before[name], after[name]] for name in changes if before[name] != after[name]}
    if not changed:
        return held
    _check(held, changed)
    held.version += 1
    held.save()
    audit.record(
        AuditAction.AGENT_CHANGED,
        target=Target("agent", held.public_id, held.version),
        scope=held.environment.audit_scope,
        changes=changed,
    )
    return held


def _told(value: Any) -> Any:
    """A field's value as the log keeps it: rows by their ids."""
    return value.public_id if isinstance(value, Member | Provider) else value


def _check(agent: Agent, fields: Iterable[str]) -> None:
    """Raises Refused where one of these fields cannot be so.

    Only what is changed is looked at: an agent can be switched off although its owner has left.
    """
    fields = set(fields)
    if "tools" in fields:
        check_grants(agent.tools)
    if "caps" in fields:
        limits.check(agent.caps)
    if "owner" in fields and agent.owner is not None:
        _check_owner(agent.owner, agent.environment)
    if {"provider", "fallback_provider"} & fields:
        _check_fallback(agent)


def _check_owner(owner: Member, environment: Environment) -> None:
    if not owner.is_active or owner.tenant_id != environment.tenant_id:
        raise Refused("owner_inactive", "The owner has to be an active member of this tenant.")


def _check_fallback(agent: Agent) -> None:
    if agent.fallback_provider is None:
        return
    if agent.provider is None or agent.provider == agent.fallback_provider:
        detail = "A fallback needs a provider, and has to be another one."
        raise Refused("fallback_invalid", detail)
