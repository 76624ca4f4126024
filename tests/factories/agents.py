"""Agents and the providers that run them."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from gateway.agents.models import EVERY_TOOL, Agent, Provider
from gateway.lib import sealing
from tests.factories.tenants import EnvironmentFactory, MemberFactory


class ProviderFactory(DjangoModelFactory):
    """A provider of the generic protocol; `api_key` sets its key."""

    class Meta:
        model = Provider
        skip_postgeneration_save = True

    environment = factory.SubFactory(EnvironmentFactory)
    slug = factory.Sequence(lambda n: f"provider-{n}")
    adapter = "generic"
    base_url = "http://127.0.0.1:9"

    @factory.post_generation
    def api_key(self: Provider, create: bool, given: Any, **_: Any) -> None:
        secret = given or "key-of-a-provider"
        place = {"table": "provider", "row": str(self.pk), "field": "api_key"}
        self.sealed_api_key = sealing.seal(secret, tenant=str(self.environment.tenant_id), **place)
        self.fingerprint = sealing.fingerprint(secret)
        if create:
            self.save()


class AgentFactory(DjangoModelFactory):
    """An agent with an owner, which may propose every tool."""

    class Meta:
        model = Agent

    environment = factory.SubFactory(EnvironmentFactory)
    slug = factory.Sequence(lambda n: f"agent-{n}")
    name = factory.LazyAttribute(lambda made: made.slug.replace("-", " ").title())
    owner = factory.SubFactory(MemberFactory, tenant=factory.SelfAttribute("..environment.tenant"))
    tools = factory.LazyFunction(lambda: [{"name": EVERY_TOOL}])
