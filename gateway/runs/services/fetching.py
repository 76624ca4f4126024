"""Asking a provider what one of its thin events is about."""

from gateway.agents.models import Provider
from gateway.providers import registry
from gateway.runs.services.provider_calls import provider_call

# An event waits for this, and the others of its chunk with it.
DEADLINE_S = 10.0


def fetch(provider: Provider, payload: bytes, *, key: str) -> bytes:
    """The JSON that the provider tells about the event, byte for byte.

    Raises OutsideError where it gives none, Unparsable where the event names nothing to ask for.
    """
    adapter = registry.fetcher(provider.adapter)
    if adapter is None:
        raise registry.Unknown(f"The adapter {provider.adapter!r} fetches nothing.")
    with provider_call(provider, key=key, deadline_s=DEADLINE_S) as (_, request):
        return adapter.fetch(request, payload)
