"""Records are written once: no road through Django changes or removes one (T05), nor SQL (T04)."""

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError

from audit.models import AuditRecord, Immutable
from gateway.tenants import services
from tests.factories.audit import AuditRecordFactory

pytestmark = pytest.mark.django_db
REFUSED = (Immutable, DatabaseError, ProtectedError)


@pytest.fixture
def record():
    return AuditRecordFactory()


def state():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_auditrecord ORDER BY id")
        return cursor.fetchall()


def save(record):
    record.reason = "nothing happened"
    record.save()


def save_copy(record):
    record._state.adding = True
    record.reason = "nothing happened"
    record.save()


def bulk_update(record):
    record.reason = "nothing happened"
    AuditRecord.objects.bulk_update([record], ["reason"])


def bulk_upsert(record):
    record.reason = "nothing happened"
    AuditRecord.objects.bulk_create(
        [record], update_conflicts=True, update_fields=["reason"], unique_fields=["id"]
    )


def raw(record):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_auditrecord SET reason = 'nothing happened'")


def raw_queryset_delete(record):
    rows = AuditRecord._base_manager.all()
    rows._raw_delete(rows.db)


def delete_through_the_base_class(record):
    models.Model.delete(record)


WAYS = [
    save,
    save_copy,
    lambda record: AuditRecord.objects.filter(pk=record.pk).update(reason="x"),
    bulk_update,
    bulk_upsert,
    lambda record: record.delete(),
    lambda record: AuditRecord.objects.all().delete(),
    raw,
    raw_queryset_delete,
    lambda record: AuditRecord._base_manager.filter(pk=record.pk).update(reason="x"),
    lambda record: AuditRecord._base_manager.all().delete(),
    delete_through_the_base_class,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_road_through_django_changes_a_record(record, way):
    before = state()

    with pytest.raises(REFUSED), transaction.atomic():
        way(record)

    assert state() == before


def test_records_outlive_the_tenant_that_they_tell_of():
    tenant = services.create_tenant("Halden", "halden")
    before = state()

    with pytest.raises(ProtectedError), transaction.atomic():
        tenant.delete()
    tenant.environments.all().delete()
    tenant.delete()

    assert before
    assert state() == before


COLUMNS = (
    "id, log, occurred_at, action, outcome, reason, actor_kind, actor_id, target_kind, target_id, "
    "correlation_id, body, body_sha256, body_json"
)
VALUES = "id, log, occurred_at, action, outcome, 'x', actor_kind, actor_id, target_kind, " + (
    "target_id, correlation_id, body, body_sha256, body_json FROM audit_auditrecord"
)
STATEMENTS = [
    "UPDATE audit_auditrecord SET reason = 'x'",
    "DELETE FROM audit_auditrecord",
    f"REPLACE INTO audit_auditrecord ({COLUMNS}) SELECT {VALUES}",
    f"INSERT OR REPLACE INTO audit_auditrecord ({COLUMNS}) SELECT {VALUES}",
    "UPDATE OR REPLACE audit_auditrecord SET reason = 'x'",
    f"INSERT INTO audit_auditrecord ({COLUMNS}) SELECT {VALUES} WHERE true "
    "ON CONFLICT (id) DO UPDATE SET reason = 'x'",
]
POSTGRES_STATEMENTS = [
    "UPDATE audit_auditrecord SET reason = 'x'",
    "DELETE FROM audit_auditrecord",
    "TRUNCATE audit_auditrecord",
    f"INSERT INTO audit_auditrecord ({COLUMNS}) SELECT {VALUES} "
    "ON CONFLICT (id) DO UPDATE SET reason = 'x'",
    "WITH gone AS (DELETE FROM audit_auditrecord RETURNING 1) SELECT count(*) FROM gone",
    "MERGE INTO audit_auditrecord t USING (SELECT id FROM audit_auditrecord) s "
    "ON t.id = s.id WHEN MATCHED THEN UPDATE SET reason = 'x'",
]


@pytest.mark.parametrize("number", range(6))
def test_no_statement_changes_a_record(record, number):
    statements = STATEMENTS if connection.vendor == "sqlite" else POSTGRES_STATEMENTS
    before = state()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statements[number])

    assert state() == before
