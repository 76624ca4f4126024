"""Standard Webhooks (standardwebhooks.com) and the providers that follow it."""

from dataclasses import replace

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.base import Algorithm, Encoding, Scheme

TYPES = ("body:type", "body:event")

STANDARD = Scheme(
    name="standard",
    title="Standard Webhooks",
    signature_headers=("webhook-signature",),
    signature_prefix="v1,",
    signature_encoding=Encoding.BASE64,
    item_separator=" ",
    signed="{id}.{timestamp}.{body}",
    secret_encoding=Encoding.BASE64,
    secret_prefix="whsec_",  # noqa: S106 - how such secrets begin, not one of them
    secret_min_bytes=24,
    secret_max_bytes=64,
    timestamp="header:webhook-timestamp",
    ids=("header:webhook-id",),
    types=TYPES,
    proof="standardwebhooks (PyPI)",
)

STANDARD_V1A = replace(
    STANDARD,
    name="standard_v1a",
    title="Standard Webhooks, public key",
    algorithm=Algorithm.ED25519,
    signature_prefix="v1a,",
    secret_prefix="whpk_",  # noqa: S106 - as above
    secret_min_bytes=32,
    secret_max_bytes=32,
    note=gettext_noop("Paste the public key, whpk_…."),
    # What Mobiscroll Connect sends is signed so, and its package holds to the specification.
    proof="mobiscroll-connect-sdk (PyPI)",
)

SVIX = replace(
    STANDARD,
    name="svix",
    title="Svix",
    signature_headers=("svix-signature",),
    timestamp="header:svix-timestamp",
    ids=("header:svix-id",),
    proof="svix (PyPI)",
)

OPENAI = replace(
    STANDARD,
    name="openai",
    title="OpenAI",
    # Its own package takes signatures with and without the version.
    is_prefix_optional=True,
    types=("body:type",),
    is_thin=True,
    proof="openai (PyPI)",
)

ANTHROPIC = replace(
    STANDARD,
    name="anthropic",
    title="Anthropic",
    # The type outside is always "event".
    types=("body:data.type", "body:type"),
    is_thin=True,
    proof="anthropic (PyPI)",
)

STANDARD_FAMILY = (
    STANDARD,
    STANDARD_V1A,
    OPENAI,
    ANTHROPIC,
    SVIX,
    replace(SVIX, name="clerk", title="Clerk"),
    replace(SVIX, name="resend", title="Resend", proof="resend (PyPI)"),
    replace(STANDARD, name="supabase", title="Supabase hooks"),
    replace(
        STANDARD,
        name="gitlab",
        title="GitLab, signed",
        types=("header:x-gitlab-event", "body:object_kind"),
        note=gettext_noop("Needs GitLab's signing token; where there is none, use GitLab, token."),
    ),
)
