"""Which adapter speaks to which kind of provider: one line for each."""

from gateway.providers.base import Provider
from gateway.providers.fake import FakeProvider
from gateway.providers.generic import GenericProvider


class Unknown(LookupError):
    """No adapter has this name."""


_PROVIDERS: dict[str, Provider] = {
    provider.name: provider for provider in (GenericProvider(), FakeProvider())
}
# What an administrator may choose; the fake one is for tests.
ADAPTERS = tuple(name for name in _PROVIDERS if name != FakeProvider.name)


def provider(name: str) -> Provider:
    """The adapter of this name; raises Unknown."""
    try:
        return _PROVIDERS[name]
    except KeyError:
        raise Unknown(f"There is no provider adapter called {name[:60]!r}.") from None
