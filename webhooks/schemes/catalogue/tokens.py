"""Providers that sign nothing and only show a token: whoever sees one delivery can forge more."""

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.base import JSON_TYPES, Algorithm, Fallback, Scheme

WARNING = gettext_noop(
    "Nothing is signed: whoever learns the token can send anything, and the content of a delivery "
    "can be changed on the way. Use it over https only, with an address list where you can."
)

GITLAB_TOKEN = Scheme(
    name="gitlab_token",
    title="GitLab, token",
    signature_headers=("x-gitlab-token",),
    algorithm=Algorithm.TOKEN,
    ids=("header:idempotency-key", "header:x-gitlab-event-uuid"),
    id_fallback=Fallback.DIGEST,
    types=("header:x-gitlab-event", "body:object_kind"),
    warning=WARNING,
    proof="gidgetlab (PyPI), not GitLab's own",
)

GOOGLE_DRIVE = Scheme(
    name="google_drive",
    title="Google Drive",
    signature_headers=("x-goog-channel-token",),
    algorithm=Algorithm.TOKEN,
    # The bodies are empty; messages are counted per channel.
    ids=("header:x-goog-channel-id header:x-goog-message-number",),
    types=("header:x-goog-resource-state",),
    success_status=200,
    note=gettext_noop(
        "The secret is the token that was given when the channel was opened; channels expire."
    ),
    warning=WARNING,
    proof="the notification in Google's documentation",
)

LANGGRAPH = Scheme(
    name="langgraph",
    title="LangGraph server",
    signature_headers=("x-webhook-token",),
    algorithm=Algorithm.TOKEN,
    ids=("body:run_id body:status", "body:run_id"),
    id_fallback=Fallback.DIGEST,
    types=("body:status",),
    media_types=JSON_TYPES,
    note=gettext_noop(
        "Set X-Webhook-Token among the webhook headers of the server's configuration."
    ),
    warning=WARNING,
    proof="a delivery of langgraph-api 0.16.7 (PyPI)",
)

STATIC_TOKEN = Scheme(
    name="static_token",
    title="Static bearer token",
    signature_headers=("authorization",),
    algorithm=Algorithm.TOKEN,
    signature_prefix="Bearer ",
    secret_min_bytes=16,
    ids=("header:x-event-id", "header:idempotency-key"),
    id_fallback=Fallback.DIGEST,
    types=("header:x-event-type", "body:type", "body:event"),
    warning=WARNING,
    proof="RFC 6750, section 2.1",
)

TOKENS = (GITLAB_TOKEN, GOOGLE_DRIVE, LANGGRAPH, STATIC_TOKEN)
