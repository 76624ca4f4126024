"""The vendors' own Python packages: each says whether a delivery is genuine; some can sign, too.

They are imported where they are used: together they take seconds, and most tests need none.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import NamedTuple

from tests.webhooks.schemes.keys import KEY, URL, keys_of
from webhooks.schemes.catalogue import SCHEMES

TEXT_KEY = KEY.decode()
WEBHOOK_SECRET = keys_of(SCHEMES["standard"]).secret
ADDRESS = URL.decode()


class Signed(NamedTuple):
    """A delivery as a vendor's package takes it: lower-case header names, the body as text."""

    headers: dict[str, str]
    body: str


# Returns quietly where the package takes the delivery, raises Refused where it does not.
Accept = Callable[[Signed], None]


class Refused(Exception):
    """The vendor's package does not take this delivery."""


def insist(is_genuine: bool | None) -> None:
    """Turn a package's yes or no into our form."""
    if not is_genuine:
        raise Refused


def stripe(signed: Signed) -> None:
    """stripe"""
    import stripe

    try:
        stripe.Webhook.construct_event(signed.body, signed.headers["stripe-signature"], TEXT_KEY)
    except stripe.SignatureVerificationError as error:
        raise Refused from error


def stripe_signs(body: str, now: int) -> dict[str, str]:
    """stripe"""
    import stripe

    header = stripe.WebhookSignature.generate_signature_header(body, TEXT_KEY, timestamp=now)
    return {"stripe-signature": header}


def slack(signed: Signed) -> None:
    """slack-sdk"""
    from slack_sdk.signature import SignatureVerifier

    insist(SignatureVerifier(TEXT_KEY).is_valid_request(signed.body, signed.headers))


def slack_signs(body: str, now: int) -> dict[str, str]:
    """slack-sdk"""
    from slack_sdk.signature import SignatureVerifier

    signature = SignatureVerifier(TEXT_KEY).generate_signature(timestamp=str(now), body=body)
    return {"x-slack-request-timestamp": str(now), "x-slack-signature": signature or ""}


def standard(signed: Signed) -> None:
    """standardwebhooks"""
    import standardwebhooks

    try:
        standardwebhooks.Webhook(WEBHOOK_SECRET).verify(signed.body, signed.headers)
    except standardwebhooks.WebhookVerificationError as error:
        raise Refused from error


def standard_signs(body: str, now: int) -> dict[str, str]:
    """standardwebhooks"""
    import standardwebhooks

    sent_at = datetime.fromtimestamp(now, tz=UTC)
    signature = standardwebhooks.Webhook(WEBHOOK_SECRET).sign("msg_2", sent_at, body)
    return {
        "webhook-id": "msg_2", "webhook-timestamp": str(now), "webhook-signature": signature,
    }  # fmt: skip


def mobiscroll(signed: Signed) -> None:
    """mobiscroll-connect-sdk: what it receives is signed with a public key's private half."""
    from mobiscroll_connect import WebhookVerificationError, verify_webhook_signature

    public = keys_of(SCHEMES["standard_v1a"]).secret
    try:
        verify_webhook_signature(signed.body, signed.headers, [public])
    except WebhookVerificationError as error:
        raise Refused from error


def openai(signed: Signed) -> None:
    """openai"""
    from openai import InvalidWebhookSignatureError, OpenAI

    client = OpenAI(api_key="none", webhook_secret=WEBHOOK_SECRET)
    try:
        client.webhooks.unwrap(signed.body, signed.headers)
    except InvalidWebhookSignatureError as error:
        raise Refused from error


def anthropic(signed: Signed) -> None:
    """anthropic"""
    from anthropic import Anthropic
    from standardwebhooks import WebhookVerificationError

    client = Anthropic(api_key="none", webhook_key=WEBHOOK_SECRET)
    try:
        client.beta.webhooks.unwrap(signed.body, headers=signed.headers)
    except WebhookVerificationError as error:
        raise Refused from error


def svix(signed: Signed) -> None:
    """svix"""
    from svix.webhooks import Webhook, WebhookVerificationError

    try:
        Webhook(WEBHOOK_SECRET).verify(signed.body, signed.headers)
    except WebhookVerificationError as error:
        raise Refused from error


def svix_signs(body: str, now: int) -> dict[str, str]:
    """svix"""
    from svix.webhooks import Webhook

    signature = Webhook(WEBHOOK_SECRET).sign("msg_2", datetime.fromtimestamp(now, tz=UTC), body)
    return {"svix-id": "msg_2", "svix-timestamp": str(now), "svix-signature": signature}


def resend(signed: Signed) -> None:
    """resend"""
    import resend

    named = {name: signed.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    try:
        resend.Webhooks.verify(
            {"payload": signed.body, "headers": named, "webhook_secret": WEBHOOK_SECRET}
        )
    except ValueError as error:
        raise Refused from error


def discord(signed: Signed) -> None:
    """discord-interactions"""
    from discord_interactions import verify_key

    insist(
        verify_key(
            signed.body.encode(),
            signed.headers["x-signature-ed25519"],
            signed.headers["x-signature-timestamp"],
            keys_of(SCHEMES["discord"]).secret,
        )
    )


def sendgrid(signed: Signed) -> None:
    """sendgrid"""
    from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader

    insist(
        EventWebhook(keys_of(SCHEMES["sendgrid"]).secret).verify_signature(
            signed.body,
            signed.headers[EventWebhookHeader.SIGNATURE.lower()],
            signed.headers[EventWebhookHeader.TIMESTAMP.lower()],
        )
    )


def square(signed: Signed) -> None:
    """squareup"""
    from square.utils.webhooks_helper import verify_signature

    insist(
        verify_signature(
            request_body=signed.body,
            signature_header=signed.headers["x-square-hmacsha256-signature"],
            signature_key=TEXT_KEY,
            notification_url=ADDRESS,
        )
    )


def paddle(signed: Signed) -> None:
    """paddle-python-sdk"""
    from paddle_billing.Notifications import Secret, Verifier

    request = SimpleNamespace(
        headers={"Paddle-Signature": signed.headers["paddle-signature"]},
        body=signed.body.encode(),
    )
    # Its own five seconds can pass while a busy machine imports it.
    insist(Verifier(maximum_variance=60).verify(request, Secret(TEXT_KEY)))


def paddle_signs(body: str, now: int) -> dict[str, str]:
    """paddle-python-sdk"""
    from paddle_billing.Notifications.PaddleSignature import PaddleSignature

    mac = PaddleSignature.calculate_hmac(TEXT_KEY, f"{now}:{body}".encode())
    return {"paddle-signature": f"ts={now};h1={mac.hexdigest()}"}


def workos(signed: Signed) -> None:
    """workos"""
    from workos import WorkOSClient

    client = WorkOSClient(api_key="none", client_id="none")
    try:
        client.webhooks.verify_header(
            event_body=signed.body.encode(),
            event_signature=signed.headers["workos-signature"],
            secret=TEXT_KEY,
        )
    except ValueError as error:
        raise Refused from error


def box(signed: Signed) -> None:
    """boxsdk"""
    from box_sdk_gen.managers.webhooks import WebhooksManager

    # The package insists on these two as well, which say how Box signs.
    said = {"box-signature-version": "1", "box-signature-algorithm": "HmacSHA256"}
    insist(WebhooksManager.validate_message(signed.body, signed.headers | said, TEXT_KEY))


def box_signs(body: str, now: int) -> dict[str, str]:
    """boxsdk, with the second of the two keys that Box signs with."""
    from box_sdk_gen.internal.utils import compute_webhook_signature

    sent_at = datetime.fromtimestamp(now, tz=UTC).isoformat()
    headers = {
        "box-signature-version": "1", "box-signature-algorithm": "HmacSHA256",
        "box-delivery-timestamp": sent_at,
    }  # fmt: skip
    other = compute_webhook_signature(body, headers, "the first key, which we do not have") or ""
    ours = compute_webhook_signature(body, headers, TEXT_KEY) or ""
    return headers | {"box-signature-primary": other, "box-signature-secondary": ours}


def meta(signed: Signed) -> None:
    """pywa"""
    from pywa.utils import HUB_SIG, webhook_updates_validator

    insist(
        webhook_updates_validator(TEXT_KEY, signed.body.encode(), signed.headers[HUB_SIG.lower()])
    )


def hubspot(version: str) -> Accept:
    """hubspot-api-client, for one version of its signature."""

    def accept(signed: Signed) -> None:
        from hubspot.exceptions import InvalidSignatureTimestampError
        from hubspot.utils.signature import Signature

        suffix = "-v3" if version == "v3" else ""
        try:
            is_genuine = Signature.is_valid(
                signature=signed.headers[f"x-hubspot-signature{suffix}"],
                client_secret=TEXT_KEY,
                request_body=signed.body,
                http_uri=ADDRESS,
                signature_version=version,
                timestamp=signed.headers.get("x-hubspot-request-timestamp"),
            )
        except InvalidSignatureTimestampError as error:
            raise Refused from error
        insist(is_genuine)

    return accept


def hubspot_signs(version: str) -> Callable[[str, int], dict[str, str]]:
    """hubspot-api-client, for one version of its signature."""

    def sign(body: str, now: int) -> dict[str, str]:
        from hubspot.utils.signature import Signature

        stamp = str(now * 1000)
        signature = Signature.get_signature(
            TEXT_KEY, body, version, http_uri=ADDRESS, timestamp=stamp
        )
        if version != "v3":
            return {"x-hubspot-signature": signature}
        return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": stamp}

    return sign


class Package(NamedTuple):
    """One package: what it is called in the catalogue, and the scheme that it knows."""

    proof: str
    scheme: str
    accept: Accept
    sign: Callable[[str, int], dict[str, str]] | None = None


PACKAGES = [
    Package("standardwebhooks (PyPI)", "standard", standard, standard_signs),
    Package("standardwebhooks (PyPI)", "supabase", standard, standard_signs),
    Package("standardwebhooks (PyPI)", "gitlab", standard, standard_signs),
    Package("mobiscroll-connect-sdk (PyPI)", "standard_v1a", mobiscroll),
    Package("openai (PyPI)", "openai", openai),
    Package("anthropic (PyPI)", "anthropic", anthropic),
    Package("svix (PyPI)", "svix", svix, svix_signs),
    Package("svix (PyPI)", "clerk", svix, svix_signs),
    Package("resend (PyPI)", "resend", resend),
    Package("slack-sdk (PyPI)", "slack", slack, slack_signs),
    Package("discord-interactions (PyPI)", "discord", discord),
    Package("stripe (PyPI)", "stripe", stripe, stripe_signs),
    Package("squareup (PyPI)", "square", square),
    Package("paddle-python-sdk (PyPI)", "paddle", paddle, paddle_signs),
    Package("workos (PyPI)", "workos", workos),
    Package("boxsdk (PyPI)", "box", box, box_signs),
    Package("pywa (PyPI)", "meta", meta),
    Package("hubspot-api-client (PyPI)", "hubspot_v1", hubspot("v1"), hubspot_signs("v1")),
    Package("hubspot-api-client (PyPI)", "hubspot_v2", hubspot("v2"), hubspot_signs("v2")),
    Package("hubspot-api-client (PyPI)", "hubspot_v3", hubspot("v3"), hubspot_signs("v3")),
    Package("sendgrid (PyPI)", "sendgrid", sendgrid),
]
