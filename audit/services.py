"""Writing records. Reading goes through the models; proving comes with the tree."""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol, Required, TypedDict, Unpack

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from uuid_utils.compat import uuid7

from audit import context
from audit.actions import AuditAction
from audit.canonical import canonical
from audit.context import Actor, Scope, Target
from audit.models import AuditRecord, RefusalCount

RECORD_VERSION = 1
SYSTEM_LOG = "system"
MAX_SAFE_INTEGER = 2**53 - 1

try:
    RELEASE = version("countersign")
except PackageNotFoundError:
    RELEASE = "0.1.0"


class Sealer(Protocol):
    """Seals personal values for one record: `{field: {key, text}}`, the key by its pseudonym."""

    def __call__(self, record_id: str) -> dict[str, dict[str, str]]: ...


class RecordFields(TypedDict, total=False):
    """What may be said of a change; see `draft`."""

    target: Required[Target]
    scope: Required[Scope]
    outcome: str
    reason: str
    changes: dict[str, list[Any]] | None
    meta: dict[str, Any] | None
    digest: str | None
    payload_sha256: str | None
    approval_ref: str | None
    actor: Actor | None
    correlation_id: str
    sealed: Sealer | None


def record(action: AuditAction, **fields: Unpack[RecordFields]) -> AuditRecord:
    """Append one record inside the caller's transaction, so neither is there without the other.

    The fields are those of `draft`; where one change needs several records, draft and append them.
    """
    row = draft(action, **fields)
    row.save()
    return row


def append(*rows: AuditRecord) -> None:
    """Append these drafts, in their order, in one statement of the caller's transaction."""
    AuditRecord.objects.bulk_create(rows)


def draft(
    action: AuditAction,
    *,
    target: Target,
    scope: Scope,
    outcome: str = "ok",
    reason: str = "",
    changes: dict[str, list[Any]] | None = None,
    meta: dict[str, Any] | None = None,
    digest: str | None = None,
    payload_sha256: str | None = None,
    approval_ref: str | None = None,
    actor: Actor | None = None,
    correlation_id: str = "",
    sealed: Sealer | None = None,
) -> AuditRecord:
    """A record that is not stored yet: for `append`, where one change needs several.

    `changes` maps a path to [before, after], already redacted. Personal values never belong there:
    `sealed` puts them in under the key of the person whose they are, if that is exactly one.
    `correlation_id` is that of the journey the target belongs to, where it differs from the one of
    the request that touches it.
    """
    bound = context.current()
    who = actor or bound.actor
    record_id = uuid7()
    occurred_at = datetime.now(UTC)
    correlation_id = correlation_id or bound.correlation_id
    body = {
        "v": RECORD_VERSION,
        "id": str(record_id),
        "log": scope.tenant or SYSTEM_LOG,
        "tenant": scope.tenant,
        "environment": scope.environment,
        "correlation_id": correlation_id,
        "occurred_at": occurred_at.isoformat(timespec="microseconds"),
        "recorded_by": {
            "process": settings.PROCESS,
            "version": RELEASE,
        },
        "actor": {"kind": who.kind, "id": who.id, "auth": who.auth, "session": who.session},
        "on_behalf_of": who.on_behalf_of or None,
        "event": str(AuditAction(action)),
        "target": {"kind": target.kind, "id": target.id, "version": target.version},
        "outcome": outcome,
        "reason": reason,
        "request": {"id": bound.request_id, "ip_hmac": bound.ip_hmac},
        "payload_sha256": payload_sha256,
        "digest": digest,
        "approval_ref": approval_ref,
        "changes": _safe(changes or {}),
        "sealed": sealed(str(record_id)) if sealed else {},
        "meta": _safe(meta or {}),
    }
    text = canonical(body)
    return AuditRecord(
        id=record_id,
        log=body["log"],
        tenant=scope.tenant,
        environment=scope.environment,
        occurred_at=occurred_at,
        action=str(action),
        outcome=outcome,
        reason=reason[:200],
        actor_kind=who.kind,
        actor_id=who.id,
        target_kind=target.kind,
        target_id=target.id,
        correlation_id=correlation_id,
        body=text.decode(),
        body_sha256=hashlib.sha256(text).hexdigest(),
        body_json=body,
    )


def record_refusal(
    action: AuditAction, *, target: Target, scope: Scope, reason: str, correlation_id: str = ""
) -> None:
    """Record a refused attempt; within a minute the same actor's same refusal is only counted."""
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    key = {
        "minute": minute,
        "action": str(action),
        "reason": reason[:200],
        "actor_id": context.current().actor.id,
        "tenant": scope.tenant or "",
    }
    counted = RefusalCount.objects.filter(**key)
    if counted.update(count=F("count") + 1):
        return
    try:
        with transaction.atomic():
            RefusalCount.objects.create(**key)
    except IntegrityError:
        # Refused twice at the same moment: the other one is recorded.
        counted.update(count=F("count") + 1)
        return
    record(
        action, target=target, scope=scope, outcome="refused", reason=reason,
        correlation_id=correlation_id,
    )  # fmt: skip


def _safe(value: Any) -> Any:
    """Integers that JSON readers would round, and floats, travel as text."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_SAFE_INTEGER else str(value)
    if isinstance(value, dict):
        return {str(key): _safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(item) for item in value]
    return str(value)
