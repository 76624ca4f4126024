"""Everything that is held about one person, as JSON; secrets in it stay masked."""

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Any

from django.db.models import Q
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action, ActionVersion
from audit import services as audit
from audit.actions import AuditAction
from audit.context import Target
from audit.models import AuditRecord
from audit.reading import in_order
from gateway.lib.errors import Denied, Refused
from gateway.retention import finding, registry
from gateway.retention.finding import Person, Progress, Rows
from gateway.retention.names import TooShort
from gateway.tenants.models import Tenant, User
from gateway.tenants.principals import Principal
from gateway.tenants.services import subjects

EXPORT = "tenants.export_subject"


def export(
    tenant: Tenant, names: Iterable[str], *, by: Principal, progress: Progress = finding.silent
) -> dict[str, Any]:
    """What the tenant holds about whom it calls so, ready for JSON; the export is recorded.

    Raises Denied, or Refused for names that are too short.
    """
    if by.kind != "system" and not by.has(EXPORT):
        raise Denied(
            "not_permitted", "Telling what is held about people is for admins of the tenant."
        )
    try:
        person = finding.find(tenant, names, progress=progress)
    except TooShort as error:
        raise Refused("name_too_short", str(error)) from error
    audit.record(
        AuditAction.SUBJECT_EXPORTED,
        target=Target("tenant", tenant.public_id),
        scope=tenant.audit_scope,
        actor=by.actor,
        meta={
            "keys": [key.public_id for key in person.keys],
            "rows": {rows.kept.model: len(rows.all) for rows in person.rows if rows.all},
        },
    )
    return {
        "tenant": tenant.public_id,
        "at": timezone.now().astimezone(UTC).isoformat(),
        "names": person.names.all,
        "accounts": [_account(user) for user in person.users],
        "rows": [_group(rows) for rows in person.rows if rows.all],
        "records": list(_records(person)),
    }


def _account(user: User) -> dict[str, Any]:
    return {
        "id": user.public_id, "email": user.email, "name": user.name,
        "since": user.date_joined.isoformat(),
        "last_sign_in": user.last_login.isoformat() if user.last_login else None,
    }  # fmt: skip


def _group(rows: Rows) -> dict[str, Any]:
    kept, found = rows.kept, registry.rows_of(rows.kept).filter(pk__in=rows.all)
    return {
        "model": kept.model,
        "holds": kept.holds,
        "rows": [_row(row, kept.personal) for row in found.order_by("pk")],
    }


def _row(row: Any, fields: Iterable[str]) -> dict[str, Any]:
    sensitive = ()
    if isinstance(row, Action | ActionVersion) and row.tool_version:
        sensitive = row.tool_version.sensitive
    values = {name: _value(getattr(row, name)) for name in fields}
    return {
        "id": row.public_id,
        "created_at": row.created_at.isoformat() if row.created_at else None,
        **approvals.masked_columns(values, sensitive),
    }


def _value(value: Any) -> Any:
    """A column as JSON: texts of JSON as what they say, bytes as text or in base64."""
    if isinstance(value, dict):
        return {name: _value(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(inner) for inner in value]
    if isinstance(value, memoryview | bytes):
        raw = bytes(value)
        try:
            return _value(raw.decode())
        except UnicodeDecodeError:
            return {"base64": base64.b64encode(raw).decode()}
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _value(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return value


def _records(person: Person) -> Iterator[dict[str, Any]]:
    """The records of what the person did, and those in which the log names them."""
    ids = [user.public_id for user in person.users]
    about = Q(actor_id__in=ids) | Q(target_id__in=ids)
    for key in person.keys:
        # Only a sealed value says so.
        about |= Q(body__contains=f'"key":"{key.public_id}"')
    rows = AuditRecord.objects.of_tenant(person.tenant.public_id).filter(about)
    for row in in_order(rows):
        said = {one.field: one.value for one in subjects.reveal(row)}
        yield {"record": json.loads(row.body), "revealed": said}
