"""The secrets of sources: they go in and never come back."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.lib import sealing
from gateway.lib.errors import Refused
from webhooks.models import Secret, Source
from webhooks.schemes.base import Scheme
from webhooks.schemes.secrets import BadSecret, key_of, new_secret

MAX_LIVE_SECRETS = 10
DEFAULT_OVERLAP = timedelta(hours=24)
MAX_OVERLAP = timedelta(days=30)


@dataclass(frozen=True)
class NewSecret:
    """A signing secret to be kept, and when it counts; None has no bound."""

    value: str = field(repr=False)
    not_before: datetime | None = None
    not_after: datetime | None = None


def generate(scheme: Scheme) -> NewSecret:
    """A fresh secret in the form of the scheme.

    Raises Refused where only the provider makes such keys.
    """
    try:
        return NewSecret(new_secret(scheme))
    except BadSecret as error:
        raise Refused("secret_needed", str(error)) from error


def live_secrets(source: Source) -> list[Secret]:
    """Those that count now, the newest first."""
    now = timezone.now()
    return [secret for secret in source.secrets.order_by("-id") if secret.is_live(now)]


@transaction.atomic
def add_secret(source: Source, secret: NewSecret) -> Secret:
    """One more live secret. Raises Refused when it cannot be one, or ten are live already."""
    change(source)
    now = timezone.now()
    live = [kept for kept in source.secrets.all() if kept.not_after is None or kept.not_after > now]
    if len(live) >= MAX_LIVE_SECRETS:
        raise Refused(
            "too_many_secrets",
            f"At most {MAX_LIVE_SECRETS} secrets count at a time: end one of them first.",
        )
    return keep(source, secret)


@transaction.atomic
def rotate_secret(source: Source, secret: NewSecret, *, overlap: timedelta) -> Secret:
    """A new secret beside the old ones, which count only for the overlap from now on.

    Raises Refused as adding does, and for an overlap that is negative or longer than 30 days.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise Refused("invalid_overlap", f"The overlap is 0 to {MAX_OVERLAP.days} days.")
    end = timezone.now() + overlap
    for old in source.secrets.all():
        if old.not_after is None or old.not_after > end:
            retire_secret(source, old, at=end)
    return add_secret(source, secret)


@transaction.atomic
def retire_secret(source: Source, secret: Secret, *, at: datetime | None = None) -> Secret:
    """End a secret, now or at a time to come; one that ended before stays as it ended."""
    end = at or timezone.now()
    before = secret.not_after
    if before is not None and before <= end:
        return secret
    secret.not_after = end
    secret.save(update_fields=["not_after"])
    change(source)
    changes = {"not_after": [before and before.isoformat(), end.isoformat()]}
    audit.record(
        AuditAction.SECRET_RETIRED,
        target=Target("secret", secret.public_id),
        scope=source.environment.audit_scope,
        changes=changes,
        meta={"source": source.public_id},
    )
    return secret


def keep(source: Source, new: NewSecret) -> Secret:
    """Seal and record a secret; raises Refused where it cannot be one of the source's scheme."""
    _check(source, new)
    secret = Secret(source=source, not_before=new.not_before, not_after=new.not_after)
    secret.sealed = sealing.seal(new.value, **secret.place(source))
    secret.fingerprint = sealing.fingerprint(new.value)
    secret.save(force_insert=True)
    audit.record(
        AuditAction.SECRET_ADDED,
        target=Target("secret", secret.public_id),
        scope=source.environment.audit_scope,
        meta={"source": source.public_id},
    )
    return secret


def check_live(source: Source, scheme: Scheme) -> None:
    """Raises Refused where a secret that counts could not be one of this scheme any more."""
    for secret in live_secrets(source):
        try:
            key_of(scheme, sealing.unseal(secret.sealed, **secret.place(source)))
        except sealing.CannotUnseal:
            continue  # it counts for nothing already
        except BadSecret as error:
            detail = (
                f"The secret ••••{secret.fingerprint[:6]} would not count any more: {error} End it "
                "first, and add one that fits afterwards."
            )
            raise Refused("invalid_scheme", detail, field="secret_encoding") from error


def _check(source: Source, new: NewSecret) -> None:
    try:
        key_of(source.rules, new.value)
    except BadSecret as error:
        raise Refused("invalid_secret", str(error)) from error
    if new.not_after is not None and new.not_after <= (new.not_before or timezone.now()):
        raise Refused(
            "invalid_secret", "A secret's not_after lies in the future, and after its not_before."
        )


def change(source: Source, **fields: Any) -> None:
    """Write the fields and raise the version, by which every receiving process notices."""
    Source.objects.filter(pk=source.pk).update(version=F("version") + 1, **fields)
    source.refresh_from_db()
