"""Second factors: which a person has, that their codes count once, and what becomes of them."""

import time
from datetime import datetime

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa import app_settings as factors
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.db import transaction

from audit.actions import AuditAction
from gateway.tenants.freshness import FIRST, Authentication
from gateway.tenants.models import MemberRole, User
from gateway.tenants.roles import GRANTS
from gateway.tenants.services import sessions

Type = Authenticator.Type
REAL = (Type.TOTP, Type.WEBAUTHN)
DECIDE = "approvals.decide_action"
DECIDERS = [role for role, granted in GRANTS.items() if DECIDE in granted]
# A clock may be one step off; a code counts once all the same.
STEPS = (-1, 0, 1)


def factor_kinds(user: User) -> frozenset[str]:
    """The kinds of second factor the person has; recovery codes alone are none."""
    rows = Authenticator.objects.filter(user=user, type__in=REAL)
    return frozenset(rows.values_list("type", flat=True))


def has_passkey(user: User) -> bool:
    """Whether the person can sign with a passkey."""
    return Type.WEBAUTHN in factor_kinds(user)


def step_up_by(user: User) -> str:
    """By what this person proves to be there: `passkey`, `code`, `password`, `nothing` yet."""
    held = factor_kinds(user)
    if held:
        return "passkey" if Type.WEBAUTHN in held else "code"
    return "nothing" if is_demanded(user) or not user.has_usable_password() else "password"


def is_demanded(user: User) -> bool:
    """Whether the deployment obliges this person to have a second factor."""
    if settings.SECOND_FACTOR == "everyone":
        return True
    if settings.SECOND_FACTOR == "optional":
        return False
    held = MemberRole.objects.filter(member__user=user, member__deactivated_at=None)
    return user.is_superuser or held.filter(role__in=DECIDERS).exists()


def is_owed(user: User) -> bool:
    """Whether the person must first enrol a second factor before anything else opens."""
    return settings.SECOND_FACTOR != "optional" and is_demanded(user) and not factor_kinds(user)


def proves(user: User, proof: Authentication | None, *, digest: str, now: datetime) -> bool:
    """Whether the person proved just now that they are there, as strongly as they can.

    A passkey counts where it signed this digest, a code of a second factor for five minutes; the
    password only for who has no second factor, where the deployment lets that be.
    """
    if proof is None or not proof.is_fresh_at(now):
        return False
    if proof.has_signed(digest) or proof.has_code_at(now):
        return True
    return bool(FIRST & set(proof.methods)) and not factor_kinds(user) and not is_demanded(user)


@transaction.atomic
def take_code(user: User, code: str) -> Authenticator | None:
    """The factor that this code belongs to, which has now been used; None for a wrong or used one.

    An app's code counts once, and none counts that is older than the last one.
    """
    rows = Authenticator.objects.select_for_update().filter(user=user)
    for row in rows.exclude(type=Type.WEBAUTHN).order_by("pk"):
        is_taken = _take_app_code(row, code) if row.type == Type.TOTP else _is_recovery(row, code)
        if is_taken:
            return row
    return None


def take_counter(row: Authenticator, counter: int) -> bool:
    """Whether a passkey's counter went on; one that stands still or goes back has a copy.

    Passkeys that are synchronised among devices have none: theirs is always 0.
    """
    with transaction.atomic():
        held = Authenticator.objects.select_for_update().get(pk=row.pk)
        last = int(held.data.get("counter", held.wrap().authenticator_data.counter))
        if counter <= last and (counter or last):
            return False
        held.data["counter"] = counter
        held.save(update_fields=["data"])
    row.data = held.data
    return True


def factor_added(user: User, kind: str) -> None:
    """Record a new factor, in the transaction that adds it; never what its secret is."""
    _record(AuditAction.FACTOR_ADDED, user, kind)


def factor_removed(user: User, kind: str) -> None:
    """Record that a factor is gone, in the transaction that removes it."""
    _record(AuditAction.FACTOR_REMOVED, user, kind)


def recovery_codes_made(user: User) -> None:
    """Record that there are new recovery codes and the old ones stopped working."""
    _record(AuditAction.RECOVERY_CODES_MADE, user, Type.RECOVERY_CODES)


def copied_passkey(user: User) -> None:
    """Record that somebody answered with a copy of a passkey."""
    _record(AuditAction.FACTOR_REFUSED, user, Type.WEBAUTHN, reason="cloned_counter")


def _take_app_code(row: Authenticator, code: str) -> bool:
    secret, now = decrypt(row.data["secret"]), int(time.time()) // factors.TOTP_PERIOD
    last = int(row.data.get("step", 0))
    for step in (now + offset for offset in STEPS):
        expected = format_hotp_value(hotp_value(secret, step))
        if step > last and compare_user_code(actual=code, expected=expected):
            row.data["step"] = step
            row.save(update_fields=["data"])
            return True
    return False


def _is_recovery(row: Authenticator, code: str) -> bool:
    return bool(row.wrap().validate_code(code))


def _record(action: AuditAction, user: User, kind: str, *, reason: str = "") -> None:
    meta = {"factor": str(kind)} | ({"reason": reason} if reason else {})
    sessions.record_of(action, user, meta=meta)
