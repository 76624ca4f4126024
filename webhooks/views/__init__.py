"""Pages of events and sources."""

from webhooks.views.debugging import debug, explain
from webhooks.views.events import detail as event
from webhooks.views.events import index as events
from webhooks.views.events import release, replay
from webhooks.views.sources import detail as source
from webhooks.views.sources import index as sources

__all__ = ["debug", "event", "events", "explain", "release", "replay", "source", "sources"]
