"""Which adapter speaks to which kind of provider: one line for each."""

from gateway.providers.anthropic import AnthropicProvider
from gateway.providers.base import Fetcher, Provider
from gateway.providers.fake import FakeProvider
from gateway.providers.generic import GenericProvider
from gateway.providers.openai import OpenAIProvider
from gateway.providers.stripe import StripeProvider


class Unknown(LookupError):
    """No adapter has this name."""


_PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        GenericProvider(),
        OpenAIProvider(),
        AnthropicProvider(),
        StripeProvider(),
        FakeProvider(),
    )
}
# What an administrator may choose; the fake one is for tests.
ADAPTERS = tuple(name for name in _PROVIDERS if name != FakeProvider.name)


def provider(name: str) -> Provider:
    """The adapter of this name; raises Unknown."""
    try:
        return _PROVIDERS[name]
    except KeyError:
        raise Unknown(f"There is no provider adapter called {name[:60]!r}.") from None


def fetcher(name: str) -> Fetcher | None:
    """The adapter of this name where it can look thin events up."""
    adapter = _PROVIDERS.get(name)
    return adapter if isinstance(adapter, Fetcher) else None
