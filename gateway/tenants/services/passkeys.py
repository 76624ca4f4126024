"""Asking a member's passkey to sign the digest that was shown, and taking its answer once."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import assertions
from gateway.lib.assertions import Assertion, BadAssertion, packed, unpacked
from gateway.lib.errors import Denied
from gateway.lib.unit_of_work import unit_of_work
from gateway.tenants.freshness import FRESH_FOR, PASSKEY, Authentication, Signed
from gateway.tenants.models import Challenge, User
from gateway.tenants.principals import Principal
from gateway.tenants.services import factors, sessions

NONCE_BYTES = 32
MAX_ANSWER = 16_384
REFUSED = "step_up_refused"
# COSE's names of what is verified here: ES256, ES384, ES512.
CURVES: dict[int, type[ec.EllipticCurve]] = {
    -7: ec.SECP256R1, -35: ec.SECP384R1, -36: ec.SECP521R1,
}  # fmt: skip


def origin() -> str:
    """The one address of which passkeys' answers are taken."""
    parts = urlsplit(settings.PUBLIC_URL)
    return f"{parts.scheme}://{parts.netloc}"


def host() -> str:
    """The host that passkeys are made for."""
    return str(urlsplit(settings.PUBLIC_URL).hostname)


def ask_passkey(by: Principal, *, digest: str) -> dict[str, Any]:
    """What the browser hands to the person's passkeys, and the challenge's id to answer with.

    Raises Denied for who has none.
    """
    if by.user is None or not factors.has_passkey(by.user):
        raise Denied("no_passkey", "You have no passkey: add one under Sign-in and security.")
    row = Challenge.objects.create(
        user=by.user, digest=digest, nonce=secrets.token_hex(NONCE_BYTES),
        expires_at=Now() + FRESH_FOR,
    )  # fmt: skip
    known = [packed(_credential(factor).credential_id) for factor in _passkeys(by.user)]
    return {
        "challenge": row.public_id,
        "publicKey": {
            "challenge": packed(assertions.challenge(digest, row.nonce)),
            "rpId": host(),
            "allowCredentials": [{"type": "public-key", "id": name} for name in known],
            "userVerification": "required",
            "timeout": int(FRESH_FOR / timedelta(milliseconds=1)),
        },
    }


def take_answer(by: Principal, *, digest: str, given: str) -> Principal:
    """The principal, who has signed this digest with a passkey just now.

    `given` is the JSON {"challenge": id, "credential": what the browser answered}. Each challenge
    is used up by its first answer. Raises Denied, saying what is wrong with it.
    """
    user = by.user
    if user is None:
        raise Denied("not_a_member", "Only a member signs; machine keys never do.")
    posted = _parsed(given)
    row = _taken(user, str(posted.get("challenge", "")), digest=digest)
    with unit_of_work(
        attempt=AuditAction.STEPPED_UP,
        target=Target("person", user.public_id),
        scope=by.environment.audit_scope,
    ):
        if row is None:
            raise Denied(REFUSED, "This answer was used, is too old or belongs elsewhere. Again.")
        factor, assertion = _assertion(user, posted, nonce=row.nonce)
        _accept(user, factor, assertion, digest=digest)
        sessions.stepped_up(user, (PASSKEY,))
    proof = Authentication(timezone.now(), _methods(by), signed=Signed(digest, assertion))
    return replace(by, authentication=proof)


def public_key_of(cose: Mapping[int, Any]) -> bytes:
    """A credential's key as SubjectPublicKeyInfo; raises BadAssertion for unknown algorithms."""
    algorithm = cose.get(3)
    try:
        return _key(algorithm, cose).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (KeyError, ValueError, TypeError) as error:
        raise BadAssertion("malformed", "This passkey's kind of key is not known here.") from error


def _key(algorithm: Any, cose: Mapping[int, Any]) -> Any:
    if algorithm in CURVES:
        x, y = (int.from_bytes(cose[part], "big") for part in (-2, -3))
        return ec.EllipticCurvePublicNumbers(x, y, CURVES[algorithm]()).public_key()
    if algorithm == -8:
        return ed25519.Ed25519PublicKey.from_public_bytes(cose[-2])
    if algorithm == -257:
        n, e = (int.from_bytes(cose[part], "big") for part in (-1, -2))
        return rsa.RSAPublicNumbers(e, n).public_key()
    raise KeyError(algorithm)


def _taken(user: User, name: str, *, digest: str) -> Challenge | None:
    rows = Challenge.objects.public(name).filter(user=user, digest=digest)
    fresh = rows.filter(used_at=None, expires_at__gt=Now())
    return rows.get() if fresh.update(used_at=Now()) else None


def _assertion(
    user: User, posted: Mapping[str, Any], *, nonce: str
) -> tuple[Authenticator, Assertion]:
    try:
        said = posted["credential"]["response"]
        name = unpacked(str(posted["credential"]["id"]))
        parts = {
            "authenticator_data": str(said["authenticatorData"]),
            "client_data": str(said["clientDataJSON"]),
            "signature": str(said["signature"]),
        }
    except (KeyError, TypeError, BadAssertion) as error:
        raise Denied(REFUSED, "The browser's answer is incomplete: try again.") from error
    for factor in _passkeys(user):
        found = _credential(factor)
        if found.credential_id == name:
            key = packed(public_key_of(found.public_key))
            return factor, Assertion(
                credential=packed(name), public_key=key, nonce=nonce, rp_id=host(),
                origin=origin(), **parts,
            )  # fmt: skip
    raise Denied(REFUSED, "This is none of your passkeys.")


def _accept(user: User, factor: Authenticator, assertion: Assertion, *, digest: str) -> None:
    try:
        counter = assertions.check(assertion, digest=digest)
    except BadAssertion as error:
        raise Denied(REFUSED, f"{error} Nothing was approved.", why=error.code) from error
    if not factors.take_counter(factor, counter):
        raise Denied(
            REFUSED,
            "This passkey's counter went back, so there is a copy of it. Remove the passkey and "
            "tell your administrators. Nothing was approved.",
            why="cloned_counter",
        )
    factor.record_usage()


def _methods(by: Principal) -> tuple[str, ...]:
    known = by.authentication.methods if by.authentication else ()
    return tuple(sorted({*known, PASSKEY}))


def _passkeys(user: User) -> list[Authenticator]:
    return list(Authenticator.objects.filter(user=user, type=factors.Type.WEBAUTHN).order_by("pk"))


def _credential(factor: Authenticator) -> Any:
    return factor.wrap().authenticator_data.credential_data


def _parsed(given: str) -> dict[str, Any]:
    try:
        posted = json.loads(given) if len(given) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        posted = None
    if not isinstance(posted, dict):
        raise Denied(REFUSED, "The browser's answer cannot be read: try again.")
    return posted
