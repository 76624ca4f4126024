"""Providers: the services that run agents, and their keys."""

from django.db import transaction

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.agents.models import EVERY_TOOL, Agent, Provider
from gateway.lib import sealing
from gateway.lib.errors import Refused
from gateway.lib.prepared import Prepared
from gateway.providers import registry
from gateway.tenants.models import Environment

_OWN = Prepared(
    lambda provider: (
        Agent.objects.filter(provider=provider).select_related("owner").order_by("created_at")[:1]
    ),
    provider=Provider._meta.pk,
)


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
    if found := _OWN(provider=provider.pk):
        return found[0]
    agent, _ = Agent.objects.get_or_create(
        environment=provider.environment,
        slug=provider.slug,
        defaults={"name": provider.slug, "provider": provider, "tools": [{"name": EVERY_TOOL}]},
    )
    return agent
