"""Payments, shops, files, marketing and messages."""

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.base import (
    Algorithm,
    Encoding,
    Fallback,
    Handshake,
    Method,
    Scheme,
    Split,
    Unit,
)

STRIPE = Scheme(
    name="stripe",
    title="Stripe",
    signature_headers=("stripe-signature",),
    item_separator=",",
    # Signatures of the version v0 are for tests and do not count.
    signature_field="v1",
    signed="{timestamp}.{body}",
    # The whole text, whsec_ included, is the key.
    timestamp="field:t",
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:type",),
    proof="stripe (PyPI)",
)

SHOPIFY = Scheme(
    name="shopify",
    title="Shopify",
    # Its two kinds, webhooks and events, differ in the names of their headers only.
    signature_headers=("x-shopify-hmac-sha256", "shopify-hmac-sha256"),
    signature_encoding=Encoding.BASE64,
    # X-Shopify-Event-Id is shared by several subscriptions.
    ids=("header:x-shopify-webhook-id", "header:shopify-webhook-id"),
    types=("header:x-shopify-topic", "header:shopify-topic"),
    success_status=200,
    note=gettext_noop(
        "The secret is the app's client secret. Test notifications from a store's settings are "
        "signed otherwise and refused."
    ),
    proof="@shopify/shopify-api (npm)",
)

SQUARE = Scheme(
    name="square",
    title="Square",
    signature_headers=("x-square-hmacsha256-signature",),
    signature_encoding=Encoding.BASE64,
    signed="{url}{body}",
    ids=("body:event_id",),
    id_fallback=Fallback.DIGEST,
    types=("body:type",),
    proof="squareup (PyPI)",
)

PADDLE = Scheme(
    name="paddle",
    title="Paddle",
    signature_headers=("paddle-signature",),
    item_separator=";",
    signature_field="h1",
    signed="{timestamp}:{body}",
    timestamp="field:ts",
    # Its own package takes 5 seconds, which a slow queue on the way exceeds.
    ids=("body:event_id",),
    id_fallback=Fallback.DIGEST,
    types=("body:event_type",),
    proof="paddle-python-sdk (PyPI)",
)

WORKOS = Scheme(
    name="workos",
    title="WorkOS",
    signature_headers=("workos-signature",),
    # Its own package takes nothing without the blank.
    item_separator=", ",
    signature_field="v1",
    signed="{timestamp}.{body}",
    timestamp="field:t",
    timestamp_unit=Unit.MILLISECONDS,
    past_tolerance_s=180,
    future_tolerance_s=180,
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:event",),
    proof="workos (PyPI)",
)

CALENDLY = Scheme(
    name="calendly",
    title="Calendly",
    signature_headers=("calendly-webhook-signature",),
    item_separator=",",
    signature_field="v1",
    signed="{timestamp}.{body}",
    timestamp="field:t",
    id_fallback=Fallback.DIGEST,
    types=("body:event",),
    proof="n8n-nodes-base (npm), not Calendly's own",
)

MUX = Scheme(
    name="mux",
    title="Mux",
    signature_headers=("mux-signature",),
    item_separator=",",
    signature_field="v1",
    signed="{timestamp}.{body}",
    timestamp="field:t",
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:type",),
    proof="@mux/mux-node (npm)",
)

TYPEFORM = Scheme(
    name="typeform",
    title="Typeform",
    signature_headers=("typeform-signature",),
    signature_prefix="sha256=",
    signature_encoding=Encoding.BASE64,
    ids=("body:event_id",),
    id_fallback=Fallback.DIGEST,
    types=("body:event_type",),
    proof="n8n-nodes-base (npm), not Typeform's own",
)

DROPBOX = Scheme(
    name="dropbox",
    title="Dropbox",
    signature_headers=("x-dropbox-signature",),
    # It says only whose files changed: equal bodies are different events.
    id_fallback=Fallback.RECEIPT,
    handshakes=(Handshake(Method.GET, echo="query:challenge"),),
    success_status=200,
    note=gettext_noop(
        "Every notification is an event of its own, because Dropbox gives them no id."
    ),
    proof="a notification that Dropbox's dropbox_hook sent",
)

BOX = Scheme(
    name="box",
    title="Box",
    # Two keys at once: either signature is enough.
    signature_headers=("box-signature-primary", "box-signature-secondary"),
    signature_encoding=Encoding.BASE64,
    signed="{body}{timestamp}",
    timestamp="header:box-delivery-timestamp",
    timestamp_unit=Unit.ISO,
    past_tolerance_s=600,
    # BOX-DELIVERY-ID changes with each retry.
    ids=("body:id",),
    id_fallback=Fallback.DIGEST,
    types=("body:trigger",),
    proof="boxsdk (PyPI)",
)

META = Scheme(
    name="meta",
    title="Meta and WhatsApp",
    signature_headers=("x-hub-signature-256",),
    signature_prefix="sha256=",
    id_fallback=Fallback.DIGEST,
    types=("body:object",),
    handshakes=(
        Handshake(
            Method.GET,
            match={"query:hub.mode": "subscribe"},
            token="query:hub.verify_token",  # noqa: S106 - where the token stands
            echo="query:hub.challenge",
        ),
    ),
    success_status=200,
    note=gettext_noop(
        "The secret is the app secret; the verify token to enter at Meta is on the source's page."
    ),
    proof="pywa (PyPI)",
)

HUBSPOT_V1 = Scheme(
    name="hubspot_v1",
    title="HubSpot v1",
    signature_headers=("x-hubspot-signature",),
    algorithm=Algorithm.SHA256,
    id_fallback=Fallback.DIGEST,
    split=Split(id=("subscriptionId", "eventId", "occurredAt"), types=("subscriptionType",)),
    warning=gettext_noop("A plain hash without a time: use HubSpot v3 where the app can."),
    proof="hubspot-api-client (PyPI)",
)

HUBSPOT_V2 = Scheme(
    name="hubspot_v2",
    title="HubSpot v2",
    signature_headers=("x-hubspot-signature",),
    algorithm=Algorithm.SHA256,
    signed="{method}{url}{body}",
    id_fallback=Fallback.DIGEST,
    split=Split(id=("subscriptionId", "eventId", "occurredAt"), types=("subscriptionType",)),
    warning=gettext_noop("A plain hash without a time: use HubSpot v3 where the app can."),
    proof="hubspot-api-client (PyPI)",
)

HUBSPOT_V3 = Scheme(
    name="hubspot_v3",
    title="HubSpot v3",
    signature_headers=("x-hubspot-signature-v3",),
    signature_encoding=Encoding.BASE64,
    signed="{method}{url}{body}{timestamp}",
    timestamp="header:x-hubspot-request-timestamp",
    timestamp_unit=Unit.MILLISECONDS,
    id_fallback=Fallback.DIGEST,
    split=Split(id=("subscriptionId", "eventId", "occurredAt"), types=("subscriptionType",)),
    note=gettext_noop("HubSpot calls an event id not unique; with subscription and time it is."),
    proof="hubspot-api-client (PyPI)",
)

SENDGRID = Scheme(
    name="sendgrid",
    title="Twilio SendGrid",
    signature_headers=("x-twilio-email-event-webhook-signature",),
    algorithm=Algorithm.ECDSA_P256,
    signature_encoding=Encoding.BASE64,
    # The body ends with a line break, which is signed as well.
    signed="{timestamp}{body}",
    secret_encoding=Encoding.BASE64,
    secret_min_bytes=80,
    timestamp="header:x-twilio-email-event-webhook-timestamp",
    # It repeats for a day what was not taken, and does not say whether it signs anew.
    past_tolerance_s=86_400,
    id_fallback=Fallback.DIGEST,
    split=Split(id=("sg_event_id",), types=("event",)),
    note=gettext_noop("The secret is the verification key that SendGrid shows."),
    proof="sendgrid (PyPI) and the vector of its repository",
)

SERVICES = (
    STRIPE, SHOPIFY, SQUARE, PADDLE, WORKOS, CALENDLY, MUX, TYPEFORM, DROPBOX, BOX, META,
    HUBSPOT_V1, HUBSPOT_V2, HUBSPOT_V3, SENDGRID,
)  # fmt: skip
