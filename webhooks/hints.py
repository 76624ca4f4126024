"""Where at each provider an endpoint is entered: what the page after creating a source tells.

Menus move; each line names what to look for rather than every click.
"""

from dataclasses import dataclass

from gateway.lib.tongue import gettext_noop
from webhooks.schemes.base import Algorithm, Method, Scheme

PLACES = {
    "github": gettext_noop(
        "Repository or organisation, Settings, Webhooks, Add webhook. Content type: "
        "application/json. Choose the events you route."
    ),
    "gitlab": gettext_noop(
        "Project or group, Settings, Webhooks. Set the signing token to the secret."
    ),
    "gitlab_token": gettext_noop(
        "Project or group, Settings, Webhooks. Put the secret into Secret token."
    ),
    "slack": gettext_noop(
        "Your app at api.slack.com, Event Subscriptions: paste the address as Request URL. "
        "The signing secret stands under Basic Information."
    ),
    "discord": gettext_noop(
        "Developer Portal, your application, General Information: Interactions Endpoint "
        "URL. The public key stands on the same page."
    ),
    "stripe": gettext_noop(
        "Dashboard, Developers, Webhooks, Add destination. Stripe then shows the signing "
        "secret of the endpoint."
    ),
    "shopify": gettext_noop(
        "Create the subscription with your app's API or configuration file; Shopify signs "
        "with the app's client secret."
    ),
    "linear": gettext_noop(
        "Settings, API, Webhooks, New webhook. Linear shows the signing secret there."
    ),
    "pagerduty": gettext_noop(
        "Integrations, Generic Webhooks (v3), New webhook. The secret is shown once."
    ),
    "sentry": gettext_noop(
        "Settings, Developer Settings, your integration: Webhook URL. The secret is the "
        "integration's client secret."
    ),
    "square": gettext_noop(
        "Developer Console, your application, Webhooks, Subscriptions. The signature key "
        "belongs to the subscription, and the address is signed."
    ),
    "zoom": gettext_noop(
        "App Marketplace, your app, Feature, Event Subscriptions. Press Validate there once "
        "the source is on."
    ),
    "dropbox": gettext_noop("App Console, your app, Webhooks. The secret is the app secret."),
    "box": gettext_noop(
        "Developer Console, your app, Webhooks; the signature keys stand beside them."
    ),
    "meta": gettext_noop(
        "App Dashboard, Webhooks, Edit subscription: the address as callback URL, and the "
        "verify token from this page."
    ),
    "zendesk": gettext_noop(
        "Admin Center, Apps and integrations, Webhooks. Reveal the signing secret there."
    ),
    "hubspot_v3": gettext_noop(
        "Your app, Webhooks: Target URL. The secret is the app's client secret."
    ),
    "sendgrid": gettext_noop(
        "Settings, Mail Settings, Event Webhook: HTTP Post URL, then Signed Event Webhook "
        "for the verification key."
    ),
    "paddle": gettext_noop(
        "Developer Tools, Notifications, New destination. The secret key belongs to it."
    ),
    "intercom": gettext_noop(
        "Developer Hub, your app, Webhooks. The secret is the app's client secret."
    ),
    "jira": gettext_noop("Settings, System, Webhooks, Create: URL and secret."),
    "vercel": gettext_noop("Team Settings, Webhooks. The secret is shown when it is created."),
    "typeform": gettext_noop("Your form, Connect, Webhooks: edit it to set the secret."),
    "calendly": gettext_noop("Created with Calendly's API; give it the secret as signing_key."),
    "openai": gettext_noop("Project settings, Webhooks, Create. The signing secret is shown once."),
    "anthropic": gettext_noop("Console, Webhooks, Add endpoint. The signing secret is shown once."),
    "resend": gettext_noop("Webhooks, Add webhook; the signing secret stands on its page."),
    "clerk": gettext_noop(
        "Dashboard, Webhooks, Add endpoint; the signing secret stands on its page."
    ),
    "supabase": gettext_noop(
        "Authentication, Hooks: choose HTTPS, paste the address, generate the secret."
    ),
    "langgraph": gettext_noop("The server's configuration: webhook headers, X-Webhook-Token."),
    "twilio": gettext_noop(
        "The number, service or sink that sends: paste the address and choose POST. The auth "
        "token stands on the Console's first page."
    ),
    "twilio_shared_key": gettext_noop(
        "The Webhooks configuration: a setting that names the shared key, and a "
        "rule that matches the address."
    ),
    "mailgun": gettext_noop(
        "Sending, Webhooks, Add webhook. The HTTP webhook signing key stands there."
    ),
    "sns": gettext_noop(
        "The topic, Create subscription, protocol HTTPS: paste the address, and leave raw "
        "message delivery off."
    ),
    "msgraph": gettext_noop(
        "The call that creates the subscription: the address as notificationUrl (and as "
        "lifecycleNotificationUrl), the secret as clientState."
    ),
    "langsmith": gettext_noop("The sandbox's proxy_config: the address as the callback's URL."),
    "google_drive": gettext_noop(
        "The watch call of the API: the address, and the secret as token."
    ),
}
ANYWHERE = gettext_noop("Where your provider asks for a webhook URL or endpoint.")


@dataclass(frozen=True)
class Step:
    """One thing to do at the provider."""

    title: str
    text: str


def steps(scheme: Scheme) -> list[Step]:
    """What to do there, in order."""
    found = [Step(gettext_noop("Where"), PLACES.get(scheme.name, ANYWHERE)), _secret(scheme)]
    if any(handshake.token for handshake in scheme.handshakes):
        found.append(
            Step(
                gettext_noop("Verify token"),
                gettext_noop("Enter the token below; it is asked back once."),
            )
        )
    if any(h.method is Method.POST or not h.token for h in scheme.handshakes):
        text = gettext_noop(
            "The provider tries the address when you save it; that is answered by itself."
        )
        found.append(Step(gettext_noop("Its check"), text))
    if scheme.note:
        found.append(Step(gettext_noop("Good to know"), scheme.note))
    return found


def _secret(scheme: Scheme) -> Step:
    if scheme.documents is not None:
        return Step(
            gettext_noop("Key"),
            gettext_noop("Nothing to enter: the provider's keys are fetched where it shows them."),
        )
    if scheme.algorithm.is_asymmetric:
        return Step(
            gettext_noop("Key"),
            gettext_noop("Nothing to enter: this source knows the provider's public key."),
        )
    if scheme.algorithm is Algorithm.TOKEN:
        names = " or ".join(scheme.signature_headers) or gettext_noop("each delivery")
        return Step(
            gettext_noop("Token"), f"Enter the secret as the token that is sent in {names}."
        )
    return Step(
        gettext_noop("Secret"),
        gettext_noop("Enter the same secret there, unless the provider gave it to you."),
    )
