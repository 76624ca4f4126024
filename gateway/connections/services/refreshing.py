"""Tokens that were issued: kept, refreshed ahead of their end, by one caller at a time.

The claim (a lease with a fencing token) is committed before the service is asked and the answer
stored only while it holds, so that two processes refreshing one token make one request. Whoever
comes meanwhile uses the old token while it counts, else waits for the new one.
"""

import time
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from gateway.connections.grants import Issued, TokenRefused
from gateway.connections.models import Connection, Token
from gateway.connections.services.issuing import DEADLINE_S, issue
from gateway.connections.services.sealed import open_token, seal_token
from gateway.lib.errors import DomainError, Refused
from gateway.lib.sealing import CannotUnseal
from gateway.lib.work import FREE, holds

log = structlog.get_logger(__name__)
# Longer than the request may take: a lease that ends early would let a second one begin.
LEASE = timedelta(seconds=DEADLINE_S + 15)
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.05
# After a failure that passes: a service that is down is not asked by everybody.
PAUSE = timedelta(seconds=5)


class Unavailable(DomainError):
    """There is no token just now, and may be later: nothing was sent."""


def access_token(connection: Connection, *, spent: str = "") -> str:
    """A token that counts, issued or refreshed where it is due. `spent` is one that was refused.

    Raises Refused where only a person can help (`reconnect_needed`), Unavailable where it may come
    by itself, and CannotUnseal.
    """
    ends_at = time.monotonic() + PATIENCE_S
    while True:
        token = _row(connection)
        access, now = open_token(token, "access"), timezone.now()
        is_usable = access not in ("", spent) and _counts(token, now)
        if is_usable and not _is_due(token, now):
            return access
        if not is_usable:
            _refuse_hopeless(token, now)
        if _claim(token):
            return _refreshed(token, spent=spent)
        if is_usable:
            return access
        if time.monotonic() >= ends_at:
            raise Unavailable(
                "token_busy", f"A token for {connection.slug} is being asked for; it takes long."
            )
        time.sleep(LOOK_AGAIN_S)


def accept(token: Token, issued: Issued) -> bool:
    """Store what was issued, if the claim read into `token` still holds; in one transaction.

    A refresh token that was replaced is forgotten with the same statement.
    """
    kept = {"sealed_refresh": seal_token(token, "refresh", issued.refresh)}
    with transaction.atomic():
        stored = Token.objects.filter(holds(token)).update(
            sealed_access=seal_token(token, "access", issued.access),
            **(kept if issued.refresh else {}),
            scopes=issued.scopes or token.scopes, obtained_at=Now(), expires_at=issued.expires_at,
            refresh_at=issued.refresh_at(timezone.now()), failed_at=None, error="",
            is_refused=False, lease_until=None,
        )  # fmt: skip
        if stored:
            ends = issued.expires_at.isoformat() if issued.expires_at else None
            _record(token, AuditAction.TOKEN_REFRESHED, meta={"expires_at": ends})
    return bool(stored)


def _row(connection: Connection) -> Token:
    rows = Token.objects.select_related("connection__environment__tenant")
    return rows.get_or_create(connection=connection)[0]


def _is_due(token: Token, now: datetime) -> bool:
    return token.refresh_at is not None and token.refresh_at <= now


def _counts(token: Token, now: datetime) -> bool:
    return token.expires_at is None or token.expires_at > now


def _refuse_hopeless(token: Token, now: datetime) -> None:
    """Raises where asking would be refused again, or was in vain a moment ago."""
    name = token.connection.slug
    if token.is_refused:
        raise Refused("reconnect_needed", f"{name} gets no token any more: {token.error}")
    if token.error and not _is_due(token, now):
        raise Unavailable("token_unavailable", f"There is no token for {name}: {token.error}")


def _claim(token: Token) -> bool:
    """Hold the row; False where somebody else does, or has changed it since it was read."""
    held = Token.objects.filter(FREE, holds(token)).update(
        lease_until=Now() + LEASE, attempts=F("attempts") + 1
    )
    token.attempts += held
    return bool(held)


def _refreshed(token: Token, *, spent: str) -> str:
    try:
        issued = issue(token.connection, refresh=open_token(token, "refresh"))
    except TokenRefused as error:
        _fail(token, error)
        return _old_one(token, spent=spent)
    except (DomainError, CannotUnseal) as error:
        _fail(token, TokenRefused(str(error), permanent=True))
        raise
    if not accept(token, issued):
        raise Unavailable(
            "token_busy", f"{token.connection.slug} was changed while a token was asked for."
        )
    return issued.access


def _fail(token: Token, error: TokenRefused) -> None:
    """Keep why there is no token, and when it may be asked for again: never, after a refusal."""
    log.warning("token_refused", connection=token.connection.public_id, code=error.code)
    with transaction.atomic():
        stored = Token.objects.filter(holds(token)).update(
            failed_at=Now(), error=error.detail, is_refused=error.permanent, lease_until=None,
            refresh_at=None if error.permanent else Now() + PAUSE,
        )  # fmt: skip
        if stored:
            _record(token, AuditAction.TOKEN_FAILED, reason=error.code or "refused")


def _old_one(token: Token, *, spent: str) -> str:
    """The token from before the attempt that failed, while it counts; else raises why not."""
    row, now = _row(token.connection), timezone.now()
    access = open_token(row, "access")
    if access in ("", spent) or not _counts(row, now):
        _refuse_hopeless(row, now)
        raise Unavailable("token_unavailable", f"There is no token for {row.connection.slug}.")
    return access


def _record(
    token: Token, action: AuditAction, *, reason: str = "", meta: dict[str, object] | None = None
) -> None:
    connection = token.connection
    audit.record(
        action,
        target=Target("connection", connection.public_id, connection.revision),
        scope=connection.environment.audit_scope,
        reason=reason,
        meta=meta,
        outcome="failed" if reason else "ok",
    )
