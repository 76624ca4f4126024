"""Agents, providers and keys: creating them, and asking whether an agent may use a tool."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import EVERY_TOOL, Agent, Provider
from gateway.lib import ids, sealing
from gateway.lib.cel import CelError, CelRuntimeError, compile_expression
from gateway.lib.errors import Refused
from gateway.providers import registry
from gateway.tenants import principals
from gateway.tenants.models import ApiKey, Environment, Member
from gateway.tenants.models.access import KEY_MARK, digest_of
from gateway.tenants.principals import Principal
from gateway.tenants.roles import MACHINE, VIEW

SCOPE_VARIABLES = ("args",)
PREFIX_LENGTH = 12
PEOPLE = "people"


@dataclass(frozen=True)
class Standing:
    """Whether an agent may make this call, and if not, why."""

    is_permitted: bool
    detail: str = ""


def may_call(agent: Agent, tool: str, *, arguments: Any) -> Standing:
    """Whether the tool is among the agent's and its scope holds for these arguments.

    A scope that fails to evaluate forbids: errors never widen what a machine may do.
    """
    if not agent.is_enabled:
        return Standing(False, f"Agent {agent.slug} is switched off.")
    grant = agent.grant_for(tool)
    if grant is None:
        return Standing(False, f"Agent {agent.slug} may not use the tool {tool}.")
    if not (scope := grant.get("scope")):
        return Standing(True)
    try:
        holds = compile_expression(scope, SCOPE_VARIABLES).evaluate({"args": arguments})
    except (CelError, CelRuntimeError) as error:
        return Standing(False, f"The scope of {tool} could not be evaluated: {error}")
    if holds is True:
        return Standing(True)
    return Standing(False, f"These arguments are outside the scope of {tool}: {scope}")


@transaction.atomic
def create(
    environment: Environment,
    *,
    slug: str,
    name: str,
    owner: Member | None = None,
    provider: Provider | None = None,
    tools: list[dict[str, Any]] | None = None,
    caps: dict[str, Any] | None = None,
    enabled: bool = True,
) -> Agent:
    """A new agent; without a list of tools it may propose every enabled one.

    Raises Refused for a slug in use or a scope that does not compile.
    """
    if Agent.objects.within(environment).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is an agent {slug!r} already.")
    grants = tools if tools is not None else [{"name": EVERY_TOOL}]
    _check_grants(grants)
    agent = Agent.objects.create(
        environment=environment, slug=slug, name=name, owner=owner, provider=provider,
        tools=grants, caps=caps or {}, is_enabled=enabled,
    )  # fmt: skip
    audit.record(
        AuditAction.AGENT_CREATED,
        target=Target("agent", agent.public_id, agent.version),
        scope=environment.audit_scope,
        changes={"tools": [None, [grant["name"] for grant in grants]], "enabled": [None, enabled]},
    )
    return agent


def _check_grants(grants: list[dict[str, Any]]) -> None:
    for grant in grants:
        if set(grant) - {"name", "scope"} or not isinstance(grant.get("name"), str):
            raise Refused("invalid", "Each of an agent's tools is {name, scope?}.")
        if scope := grant.get("scope"):
            try:
                compile_expression(scope, SCOPE_VARIABLES)
            except CelError as error:
                raise Refused("scope_invalid", f"The scope of {grant['name']}: {error}") from error


@transaction.atomic
def create_provider(
    environment: Environment, *, slug: str, adapter: str, base_url: str, api_key: str
) -> Provider:
    """A service that runs agents. Raises Refused for an unknown adapter or a slug in use."""
    try:
        registry.provider(adapter)
    except registry.Unknown as error:
        raise Refused("unknown_adapter", str(error)) from error
    if Provider.objects.within(environment).filter(slug=slug).exists():
        raise Refused("slug_in_use", f"There is a provider {slug!r} already.")
    provider = Provider(
        environment=environment, slug=slug, adapter=adapter, base_url=base_url.rstrip("/")
    )
    provider.sealed_api_key = sealing.seal(api_key, **_place(provider))
    provider.fingerprint = sealing.fingerprint(api_key)
    provider.save()
    audit.record(
        AuditAction.PROVIDER_CREATED,
        target=Target("provider", provider.public_id),
        scope=environment.audit_scope,
        changes={"adapter": [None, adapter]},
    )
    return provider


@transaction.atomic
def move_provider(provider: Provider, *, base_url: str) -> Provider:
    """Reach the provider at another address from now on."""
    before, provider.base_url = provider.base_url, base_url.rstrip("/")
    provider.save()
    audit.record(
        AuditAction.PROVIDER_CHANGED,
        target=Target("provider", provider.public_id),
        scope=provider.environment.audit_scope,
        changes={"base_url": [before, provider.base_url]},
    )
    return provider


def reveal_api_key(provider: Provider) -> str:
    """The provider's key, for one outbound call."""
    return sealing.unseal(provider.sealed_api_key, **_place(provider))


def _place(provider: Provider) -> dict[str, str]:
    return {
        "table": "provider",
        "row": str(provider.pk),
        "field": "api_key",
        "tenant": str(provider.environment.tenant_id),
    }


def agent_of_provider(provider: Provider) -> Agent:
    """The agent that a provider runs; one without gets its own, which may propose every tool."""
    found = provider.agents.order_by("created_at").first()
    if found is not None:
        return found
    agent, _ = Agent.objects.get_or_create(
        environment=provider.environment,
        slug=provider.slug,
        defaults={"name": provider.slug, "provider": provider, "tools": [{"name": EVERY_TOOL}]},
    )
    return agent


def agent_of_key(key: ApiKey) -> Agent | None:
    """The agent behind a machine's key; None for a person's key."""
    return Agent.objects.filter(pk=key.agent_id).first() if key.agent_id else None


def agent_of_principal(by: Principal) -> Agent:
    """The agent in whose name this principal calls tools.

    A machine has its own. People share one of the environment, which may propose every tool: who of
    them asked stands in the request.
    """
    if by.agent_id is not None:
        return Agent.objects.within(by.environment).get(pk=by.agent_id)
    found = Agent.objects.within(by.environment).filter(slug=PEOPLE).first()
    return found or _agent_of_people(by.environment)


def _agent_of_people(environment: Environment) -> Agent:
    try:
        with transaction.atomic():
            return create(environment, slug=PEOPLE, name="People, by API")
    except (IntegrityError, Refused):
        # Another call was faster.
        return Agent.objects.within(environment).get(slug=PEOPLE)


@transaction.atomic
def create_api_key(
    environment: Environment,
    *,
    name: str,
    member: Member | None = None,
    agent: Agent | None = None,
    scopes: list[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key and its secret, shown this once. Without member and agent, a new agent is made.

    Raises Refused when both are named, or a scope is unknown.
    """
    if member is not None and agent is not None:
        raise Refused("invalid", "A key belongs to a member or to an agent, not to both.")
    allowed = principals.permissions_of(member, environment) if member else MACHINE
    if unknown := set(scopes or ()) - allowed - VIEW:
        raise Refused("unknown_scope", f"The key cannot have {', '.join(sorted(unknown))}.")
    if member is None and agent is None:
        slug = f"key-{ids.random_token('k')[2:10]}"
        agent = create(environment, slug=slug, name=name)
    secret = KEY_MARK + ids.random_token("k")[2:]
    key = ApiKey.objects.create(
        environment=environment, name=name, prefix=secret[:PREFIX_LENGTH],
        digest=digest_of(secret), member=member, agent_id=agent.pk if agent else None,
        scopes=scopes or [], expires_at=expires_at,
    )  # fmt: skip
    audit.record(
        AuditAction.API_KEY_CREATED,
        target=Target("api_key", key.public_id),
        scope=environment.audit_scope,
        changes={"scopes": [None, scopes or []]},
    )
    return key, secret


@transaction.atomic
def revoke_api_key(key: ApiKey) -> ApiKey:
    """End a key at once and for good; one that has ended stays as it is."""
    now = timezone.now()
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now):
        key.revoked_at = now
        audit.record(
            AuditAction.API_KEY_REVOKED,
            target=Target("api_key", key.public_id),
            scope=key.environment.audit_scope,
            changes={"revoked_at": [None, now.isoformat()]},
        )
    return key


def principal_of_agent(agent: Agent, *, kind: str = "agent", id: str = "") -> Principal:
    """The agent as requester: its owner is the person behind it."""
    return Principal(
        kind,
        id or agent.public_id,
        agent.slug,
        agent.environment,
        agent_id=agent.pk,
        owner_id=agent.owner.user_id if agent.owner else None,
        permissions=MACHINE,
    )
