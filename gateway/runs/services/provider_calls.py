"""Reaching a run's provider: the one place that opens a provider's key."""

from collections.abc import Iterator
from contextlib import contextmanager

from audit.context import correlation_id
from gateway.agents import services as agents
from gateway.agents.models import Provider as ConfiguredProvider
from gateway.http.door import door
from gateway.http.limits import Account
from gateway.providers import registry
from gateway.providers.base import DEFAULT_DEADLINE_S, Provider, ProviderRequest


@contextmanager
def provider_call(
    configured: ConfiguredProvider, *, key: str, deadline_s: float = DEFAULT_DEADLINE_S
) -> Iterator[tuple[Provider, ProviderRequest]]:
    """The provider's adapter and a request for one call under this idempotency key."""
    with door(Account(configured.public_id)) as sender:
        yield (
            registry.provider(configured.adapter),
            ProviderRequest(
                client=sender,
                base_url=configured.base_url,
                api_key=agents.reveal_api_key(configured),
                correlation_id=correlation_id(),
                idempotency_key=key,
                deadline_s=deadline_s,
            ),
        )
