"""Personal values in the audit log: sealed under the one person's key whose they are.

A record's leaf covers the sealed text, so the proof outlives the key. The log is never read in the
clear but through `reveal`; `erase` deletes the key, and with it every value that it sealed.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import AuditRecord
from audit.services import Sealer
from gateway.lib import ids, sealing
from gateway.tenants.models import SubjectKey, Tenant

TABLE = "audit_auditrecord"


@dataclass(frozen=True)
class Revealed:
    """One personal value of a record: as it was said, or since when it is erased."""

    field: str
    value: Any = None
    erased_at: datetime | None = None


def sealer(tenant: Tenant, subject: str, **values: Any) -> Sealer:
    """What seals these values into a record, as `audit.record(sealed=…)` takes it.

    `subject` is what the tenant calls the one person whose they are: a public id, an address.
    """

    def seal(record_id: str) -> dict[str, dict[str, str]]:
        row = _key_of(tenant, subject)
        key = _opened(row)
        return {
            field: {
                "key": row.public_id,
                "text": sealing.seal_with(
                    key, json.dumps(value), **_place(record_id, field, tenant.public_id)
                ),
            }
            for field, value in values.items()
        }

    return seal


def reveal(record: AuditRecord) -> list[Revealed]:
    """The personal values of a record, in their order; those whose key is gone say since when.

    Raises CannotUnseal where a sealed text was changed or moved.
    """
    sealed = json.loads(record.body)["sealed"]
    keys = {row.public_id: row for row in _rows(entry["key"] for entry in sealed.values())}
    return [
        _revealed(record, field, entry["text"], keys[entry["key"]])
        for field, entry in sorted(sealed.items())
    ]


def keys_of(tenant: Tenant, names: Iterable[str]) -> list[SubjectKey]:
    """The keys that still exist of a person whom the tenant calls by any of these names."""
    marks = [_mark(tenant, name) for name in names]
    return list(SubjectKey.objects.filter(tenant=tenant, mark__in=marks))


def erase(tenant: Tenant, names: Iterable[str]) -> list[str]:
    """Delete these keys inside the caller's transaction; the pseudonyms that say so now."""
    gone = []
    for row in keys_of(tenant, names):
        row.mark, row.sealed, row.erased_at = None, "", timezone.now()
        row.save(update_fields=["mark", "sealed", "erased_at"])
        gone.append(row.public_id)
    return gone


def _key_of(tenant: Tenant, subject: str) -> SubjectKey:
    mark = _mark(tenant, subject)
    known = SubjectKey.objects.filter(tenant=tenant, mark=mark)
    row = known.first()
    if row is not None:
        return row
    made = SubjectKey(tenant=tenant, mark=mark)
    made.sealed = sealing.seal(sealing.new_key().hex(), **made.place())
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        # Two records of the same person at the same moment: one key serves both.
        return known.get()
    return made


def _opened(row: SubjectKey) -> bytes:
    return bytes.fromhex(sealing.unseal(row.sealed, **row.place()))


def _revealed(record: AuditRecord, field: str, text: str, row: SubjectKey) -> Revealed:
    if row.erased_at is not None:
        return Revealed(field, erased_at=row.erased_at)
    place = _place(str(record.pk), field, record.tenant or "")
    return Revealed(field, json.loads(sealing.unseal_with(_opened(row), text, **place)))


def _rows(public_ids: Iterable[str]) -> list[SubjectKey]:
    keys = {ids.decode(SubjectKey.PREFIX, public_id) for public_id in public_ids}
    return list(SubjectKey.objects.filter(pk__in=keys))


def _mark(tenant: Tenant, name: str) -> str:
    # With the tenant in it: nobody sees that two tenants know the same person.
    return sealing.mark(f"{tenant.public_id} {name.strip().casefold()}")


def _place(record_id: str, field: str, tenant: str) -> dict[str, str]:
    return {"table": TABLE, "row": record_id, "field": field, "tenant": tenant}
