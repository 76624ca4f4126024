"""The REST resources of sources, events and providers."""

from webhooks.api.events import EventViews
from webhooks.api.providers import ProviderViews
from webhooks.api.sources import SourceViews

__all__ = ["EventViews", "ProviderViews", "SourceViews"]
