"""Second factors: allauth's rows, so no factory-boy; each as a person would have enrolled it."""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.webauthn.internal.auth import WebAuthn

from gateway.tenants.models import User
from tests.doubles.authenticator import Passkey


def with_passkey(user: User, **fields: Any) -> Passkey:
    """A passkey in software that is enrolled for this person."""
    made = Passkey(**fields)
    options = {"publicKey": {"user": {"id": "dXNlcg"}, "challenge": "YQ"}}
    WebAuthn.add(user, "Passkey 1", json.loads(made.register(options)))
    return made


def with_app(user: User) -> str:
    """The secret of an authenticator app that is enrolled for this person."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def code_of(secret: str, *, at: float) -> str:
    """What the app shows at this time."""
    return format_hotp_value(hotp_value(secret, int(at) // 30))


def factors_of(user: User) -> dict[str, Authenticator]:
    """The person's factors by their kind; the newest of each."""
    return {row.type: row for row in Authenticator.objects.filter(user=user).order_by("pk")}
