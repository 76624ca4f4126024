"""Invariant 10: records cannot be changed or removed by application, ORM, admin, API or SQL."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from audit import triggers
from audit.models import AuditRecord, Immutable
from tests.desk import signed_in
from tests.invariants.doors import api
from tests.invariants.scene import Scene, scene

pytestmark = pytest.mark.django_db
TABLE = AuditRecord._meta.db_table
STATEMENTS = [
    f"UPDATE {TABLE} SET reason = 'better'",  # noqa: S608 - a fixed name
    f"DELETE FROM {TABLE}",  # noqa: S608
    f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE}",  # noqa: S608
    f"TRUNCATE {TABLE}",
]


@pytest.fixture
def here() -> Scene:
    made = scene()
    made.ask()
    return made


def test_the_orm_refuses(here: Scene) -> None:
    row = AuditRecord.objects.first()
    assert row is not None
    rows = AuditRecord.objects.all()
    for attempt in (
        row.save, row.delete, rows.delete, lambda: rows.update(reason="better"),
        lambda: rows.bulk_update([row], ["reason"]),
    ):  # fmt: skip
        with pytest.raises(Immutable):
            attempt()


@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_database_refuses(here: Scene, statement: str) -> None:
    before = list(AuditRecord.objects.values_list("body_sha256", flat=True))
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert list(AuditRecord.objects.values_list("body_sha256", flat=True)) == before


def test_every_trigger_is_in_place() -> None:
    assert triggers.installed(connection) == triggers.expected(connection)


def test_the_admin_has_no_way_to_change_or_delete(here: Scene) -> None:
    browser = signed_in(here.people.admin)
    pk = AuditRecord.objects.values_list("pk", flat=True)[0]
    base = "admin:audit_auditrecord"
    assert browser.get(reverse(f"{base}_change", args=[pk])).status_code == 200
    assert browser.post(reverse(f"{base}_change", args=[pk]), {"reason": "x"}).status_code == 403
    assert browser.post(reverse(f"{base}_delete", args=[pk]), {"post": "yes"}).status_code == 403
    assert browser.post(reverse(f"{base}_add"), {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_the_api_has_no_way_to_write_one(here: Scene, method: str) -> None:
    client = api(here.people.member(here.people.admin), here.environment)
    record = AuditRecord.objects.values_list("pk", flat=True)[0]
    for address in ("/api/v1/audit", f"/api/v1/audit/{record}"):
        assert getattr(client, method)(address).status_code in {403, 404, 405}
