"""Every write of sources, secrets, routes and events, but the insert of the hot path."""

from webhooks.services.configuring import (
    KEEP,
    MAX_ROUTES,
    NewRoute,
    create_source,
    problem_of,
    replace_routes,
    update_source,
)
from webhooks.services.documents import fetch_due
from webhooks.services.explaining import Arrived, explain_event, explain_request
from webhooks.services.previewing import Previewed, preview_routes, preview_sample
from webhooks.services.processing import process_chunk
from webhooks.services.rehearsing import DryRun, dry_run
from webhooks.services.replaying import MAX_AT_ONCE, Replayed, release, replay, replay_many
from webhooks.services.sealing import SealedEvents, seal_chunk
from webhooks.services.secrets import (
    DEFAULT_OVERLAP,
    MAX_OVERLAP,
    NewSecret,
    add_secret,
    generate,
    live_secrets,
    retire_secret,
    rotate_secret,
)
from webhooks.services.selecting import Which, select
from webhooks.services.sending import SignedEvent, deliver, numbered, sign_event
from webhooks.services.silence import rhythm
from webhooks.services.sweeping import sweep
from webhooks.services.testing import Tested, send_test
from webhooks.services.trying import Trial, try_scheme

__all__ = [
    "DEFAULT_OVERLAP",
    "KEEP",
    "MAX_AT_ONCE",
    "MAX_OVERLAP",
    "MAX_ROUTES",
    "Arrived",
    "DryRun",
    "NewRoute",
    "NewSecret",
    "Previewed",
    "Replayed",
    "SealedEvents",
    "SignedEvent",
    "Tested",
    "Trial",
    "Which",
    "add_secret",
    "create_source",
    "deliver",
    "dry_run",
    "explain_event",
    "explain_request",
    "fetch_due",
    "generate",
    "live_secrets",
    "numbered",
    "preview_routes",
    "preview_sample",
    "problem_of",
    "process_chunk",
    "release",
    "replace_routes",
    "replay",
    "replay_many",
    "retire_secret",
    "rhythm",
    "rotate_secret",
    "seal_chunk",
    "select",
    "send_test",
    "sign_event",
    "sweep",
    "try_scheme",
    "update_source",
]
