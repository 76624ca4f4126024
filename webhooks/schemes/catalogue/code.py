"""Schemes that data cannot say: each is checked by a module of its own.

What data can say all the same, `signed` included, stands here for whoever sets up a source.
"""

from dataclasses import replace

from gateway.lib.tongue import gettext_noop
from webhooks.schemes import langsmith, mailgun, msgraph, sns, twilio
from webhooks.schemes.base import (
    JSON_TYPES,
    Algorithm,
    Encoding,
    Fallback,
    Handshake,
    Method,
    Scheme,
    Split,
    Unit,
)
from webhooks.schemes.extras import Documents

TWILIO = Scheme(
    name="twilio",
    title="Twilio",
    signature_headers=(twilio.SIGNATURE,),
    algorithm=Algorithm.HMAC_SHA1,
    signature_encoding=Encoding.BASE64,
    signed="{url}{body}",
    ids=(f"header:{twilio.TOKEN}",),
    id_fallback=Fallback.DIGEST,
    types=("body:EventType", "body:MessageStatus", "body:SmsStatus", "body:CallStatus"),
    note=gettext_noop(
        "The secret is the account's auth token, the public address exactly the one entered at "
        "Twilio; let it send by POST."
    ),
    check=twilio.check,
    sign=twilio.sign,
    proof="twilio (PyPI)",
)

TWILIO_SHARED_KEY = replace(
    TWILIO,
    name="twilio_shared_key",
    title="Twilio, shared key",
    algorithm=Algorithm.HMAC_SHA256,
    note=gettext_noop(
        "The secret is that of the shared key which a webhook setting names, with the algorithm "
        "HMAC_SHA256; the public address is exactly the one entered at Twilio."
    ),
)

MAILGUN = Scheme(
    name="mailgun",
    title="Mailgun",
    # Fields of the body: a member `signature` of JSON, or of a form.
    signed="{timestamp}{id}",
    timestamp="body:signature.timestamp",
    past_tolerance_s=900,
    future_tolerance_s=900,
    ids=("body:signature.token", "body:token"),
    types=("body:event-data.event", "body:event"),
    note=gettext_noop(
        "The secret is the HTTP webhook signing key. Forwarded mail with attachments comes in a "
        "form of another kind and is refused."
    ),
    warning=gettext_noop(
        "Only a time and a token are signed, not the event: whoever sees one delivery before "
        "it arrives can send another content in its place."
    ),
    check=mailgun.check,
    sign=mailgun.sign,
    proof="mailgun (PyPI)",
)

SNS = Scheme(
    name="sns",
    title="Amazon SNS",
    algorithm=Algorithm.RSA_SHA256,
    signature_encoding=Encoding.BASE64,
    secret_max_bytes=400,
    secret_pattern=sns.ARN,
    timestamp="body:Timestamp",
    timestamp_unit=Unit.ISO,
    # It repeats for up to an hour what was not taken, and never signs anew.
    past_tolerance_s=3600,
    ids=("body:MessageId",),
    types=("body:Type",),
    media_types=("text/plain", *JSON_TYPES),
    note=gettext_noop(
        "The secret is the topic's ARN, such as arn:aws:sns:eu-west-1:123456789012:orders. The "
        "subscription is confirmed by itself; leave raw message delivery off. Message "
        "attributes are "
        "not signed. SHA-1 and SHA-256 are both taken: set the topic's SignatureVersion to 2. The "
        "first delivery is refused with 503 until the certificate was fetched."
    ),
    check=sns.check,
    documents=Documents(sns.allows, sns.is_usable),
    confirm=sns.confirm,
    proof="messages in the tests of the AWS SDK for Java 2",
)

MSGRAPH = Scheme(
    name="msgraph",
    title="Microsoft Graph",
    algorithm=Algorithm.TOKEN,
    secret_min_bytes=16,
    secret_max_bytes=255,
    # Without ids of their own, equal notifications are different events.
    id_fallback=Fallback.RECEIPT,
    split=Split(
        items=msgraph.ITEMS,
        id=("subscriptionId", "resource", "changeType", "id"),
        types=("changeType", "lifecycleEvent"),
    ),
    handshakes=(Handshake(Method.POST, echo="query:validationToken", is_signed=False),),
    media_types=JSON_TYPES,
    note=gettext_noop(
        "The secret is the clientState of the subscription. Notifications with resource data are "
        "refused: they are encrypted. Subscriptions expire; whoever made them renews them."
    ),
    warning=gettext_noop(
        "Nothing is signed, and the secret stands in every body: whoever may read events of "
        "this source can send others in Microsoft's name."
    ),
    check=msgraph.check,
    sign=msgraph.sign,
    proof="the notification in Microsoft's documentation",
)

LANGSMITH = Scheme(
    name="langsmith",
    title="LangSmith sandbox callback",
    signature_headers=(langsmith.HEADER,),
    algorithm=Algorithm.ED25519,
    signature_encoding=Encoding.BASE64,
    signed="{url}{timestamp}{body}",
    secret_max_bytes=500,
    secret_pattern=langsmith.SECRET,
    timestamp="field:iat",
    # The token ends by itself; this bounds how long one may live.
    past_tolerance_s=3600,
    future_tolerance_s=langsmith.LEEWAY_S,
    id_fallback=Fallback.DIGEST,
    media_types=JSON_TYPES,
    note=gettext_noop(
        "The secret is the address of the published keys, a space and the id of the workspace, as "
        "in https://api.smith.langchain.com/.well-known/jwks.json 0b6e7c1a-…; the public "
        "address is "
        "exactly the one in the sandbox's configuration. Callbacks are recorded, never "
        "answered with "
        "headers to add."
    ),
    check=langsmith.check,
    documents=Documents(langsmith.allows, langsmith.is_usable, renew_after_s=3600),
    proof="a callback that langsmith 0.15.1 (PyPI) accepted",
)

CODE = (TWILIO, TWILIO_SHARED_KEY, MAILGUN, SNS, MSGRAPH, LANGSMITH)
