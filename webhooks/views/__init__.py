"""Pages of events and sources."""

from webhooks.views.bulk import replay_many
from webhooks.views.configure import archive, edit, new, setup, switch
from webhooks.views.debugging import debug, explain
from webhooks.views.events import detail as event
from webhooks.views.events import index as events
from webhooks.views.events import release, replay
from webhooks.views.refusals import index as refusals
from webhooks.views.refusals import unknown
from webhooks.views.rehearsing import dry_run
from webhooks.views.routes import routes
from webhooks.views.secrets import add as add_secret
from webhooks.views.secrets import end as end_secret
from webhooks.views.secrets import rotate as rotate_secret
from webhooks.views.secrets import secrets
from webhooks.views.sources import detail as source
from webhooks.views.sources import index as sources
from webhooks.views.testing import test

__all__ = [
    "add_secret",
    "archive",
    "debug",
    "dry_run",
    "edit",
    "end_secret",
    "event",
    "events",
    "explain",
    "new",
    "refusals",
    "release",
    "replay",
    "replay_many",
    "rotate_secret",
    "routes",
    "secrets",
    "setup",
    "source",
    "sources",
    "switch",
    "unknown",
    "test",
]
