"""Code hosting, issue trackers, chat and monitoring; and the plain form that anybody can speak."""

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.base import Algorithm, Encoding, Fallback, Handshake, Method, Scheme, Unit

SIGNATURE_256 = "x-hub-signature-256"

GITHUB = Scheme(
    name="github",
    title="GitHub",
    signature_headers=(SIGNATURE_256,),
    signature_prefix="sha256=",
    ids=("header:x-github-delivery",),
    types=("header:x-github-event",),
    note=gettext_noop(
        "GitHub never repeats a delivery by itself; redeliver by hand within three days."
    ),
    proof="@octokit/webhooks-methods (npm) and GitHub's published vector",
)

GENERIC_SHA256 = Scheme(
    name="generic_sha256",
    title="Generic HMAC-SHA256",
    signature_headers=("x-signature-sha256",),
    signature_prefix="sha256=",
    is_prefix_optional=True,
    secret_min_bytes=16,
    ids=("header:x-event-id",),
    id_fallback=Fallback.DIGEST,
    types=("header:x-event-type", "body:type", "body:event"),
    proof="RFC 4231 test vectors",
)

SLACK = Scheme(
    name="slack",
    title="Slack",
    signature_headers=("x-slack-signature",),
    signature_prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp="header:x-slack-request-timestamp",
    # Events; buttons and menus (JSON in a form); slash commands.
    ids=("body:event_id", "body:payload.trigger_id", "body:trigger_id"),
    id_fallback=Fallback.DIGEST,
    types=("body:event.type", "body:payload.type", "body:command", "body:type"),
    handshakes=(
        Handshake(
            Method.POST,
            match={"body:type": "url_verification"},
            echo="body:challenge",
            answer='{"challenge":{echo}}',
        ),
        Handshake(Method.POST, match={"body:ssl_check": "1"}),
    ),
    success_status=200,
    note=gettext_noop(
        "The secret is the app's signing secret. Slack wants its answer within 3 seconds."
    ),
    proof="slack-sdk (PyPI)",
)

DISCORD = Scheme(
    name="discord",
    title="Discord",
    signature_headers=("x-signature-ed25519",),
    algorithm=Algorithm.ED25519,
    signed="{timestamp}{body}",
    secret_encoding=Encoding.HEX,
    secret_min_bytes=32,
    secret_max_bytes=32,
    timestamp="header:x-signature-timestamp",
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:event.type", "body:type"),
    # A PING of the interactions endpoint is type 1; one of webhook events is type 0.
    handshakes=(
        Handshake(Method.POST, match={"body:type": "1"}, answer='{"type":1}'),
        Handshake(Method.POST, match={"body:type": "0"}),
    ),
    note=gettext_noop("The secret is the application's public key."),
    proof="discord-interactions (PyPI)",
)

LINEAR = Scheme(
    name="linear",
    title="Linear",
    signature_headers=("linear-signature",),
    # The header Linear-Timestamp is not signed and therefore not read.
    timestamp="body:webhookTimestamp",
    timestamp_unit=Unit.MILLISECONDS,
    past_tolerance_s=60,
    future_tolerance_s=60,
    ids=("header:linear-delivery",),
    types=("header:linear-event", "body:type"),
    proof="@linear/sdk (npm)",
)

PAGERDUTY = Scheme(
    name="pagerduty",
    title="PagerDuty",
    signature_headers=("x-pagerduty-signature",),
    signature_prefix="v1=",
    item_separator=",",
    ids=("body:event.id", "header:x-webhook-id"),
    id_fallback=Fallback.DIGEST,
    types=("body:event.event_type",),
    proof="the vector of PagerDuty's go-pagerduty",
)

SENTRY = Scheme(
    name="sentry",
    title="Sentry",
    signature_headers=("sentry-hook-signature",),
    ids=("header:request-id",),
    id_fallback=Fallback.DIGEST,
    types=("header:sentry-hook-resource",),
    proof="an event that sentry 23.7.1 (PyPI) signed",
)

VERCEL = Scheme(
    name="vercel",
    title="Vercel",
    signature_headers=("x-vercel-signature",),
    algorithm=Algorithm.HMAC_SHA1,
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:type",),
    proof="nuxt-webhook-validators (npm), not Vercel's own",
)

JIRA = Scheme(
    name="jira",
    title="Jira",
    signature_headers=("x-hub-signature",),
    signature_prefix="sha256=",
    ids=("header:x-atlassian-webhook-identifier",),
    id_fallback=Fallback.DIGEST,
    types=("body:webhookEvent",),
    proof="Atlassian's published vector",
)

ZENDESK = Scheme(
    name="zendesk",
    title="Zendesk",
    signature_headers=("x-zendesk-webhook-signature",),
    signature_encoding=Encoding.BASE64,
    signed="{timestamp}{body}",
    timestamp="header:x-zendesk-webhook-signature-timestamp",
    timestamp_unit=Unit.ISO,
    ids=("header:x-zendesk-webhook-invocation-id",),
    id_fallback=Fallback.DIGEST,
    types=("body:type",),
    proof="n8n-nodes-base (npm), not Zendesk's own",
)

INTERCOM = Scheme(
    name="intercom",
    title="Intercom",
    signature_headers=("x-hub-signature",),
    algorithm=Algorithm.HMAC_SHA1,
    signature_prefix="sha1=",
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:topic",),
    proof="what Intercom's example in intercom-webhooks calculated",
)

ZOOM = Scheme(
    name="zoom",
    title="Zoom",
    signature_headers=("x-zm-signature",),
    signature_prefix="v0=",
    signed="v0:{timestamp}:{body}",
    timestamp="header:x-zm-request-timestamp",
    id_fallback=Fallback.DIGEST,
    types=("body:event",),
    handshakes=(
        Handshake(
            Method.POST,
            match={"body:event": "endpoint.url_validation"},
            echo="body:payload.plainToken",
            answer='{"plainToken":{echo},"encryptedToken":"{hmac}"}',
        ),
    ),
    success_status=200,
    note=gettext_noop(
        "The secret is the app's secret token. Zoom repeats its challenge every 72 hours."
    ),
    proof="@zoom/rivet (npm)",
)

TOOLS = (
    GITHUB, GENERIC_SHA256, SLACK, DISCORD, LINEAR, PAGERDUTY, SENTRY, VERCEL, JIRA, ZENDESK,
    INTERCOM, ZOOM,
)  # fmt: skip
