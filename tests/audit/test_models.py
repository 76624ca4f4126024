"""The log is written once: no road through Django changes or removes a row (T05), nor SQL (T04)."""

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError

from audit import triggers
from audit.models import Immutable, Pending
from gateway.tenants import services
from tests.audit.superuser import unguard
from tests.factories.audit import AuditRecordFactory, CheckpointFactory, LeafFactory

pytestmark = pytest.mark.django_db
REFUSED = (Immutable, DatabaseError, ProtectedError)


FACTORIES = {
    "audit_auditrecord": AuditRecordFactory,
    "audit_leaf": LeafFactory,
    "audit_checkpoint": CheckpointFactory,
}


@pytest.fixture(params=FACTORIES)
def row(request):
    """A row of each table, one after the other."""
    return FACTORIES[request.param]()


def state():
    found = []
    with connection.cursor() as cursor:
        for table in FACTORIES:
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608 - our own names
            found.append(cursor.fetchall())
    return found


def save(row):
    row.log = "elsewhere"
    row.save()


def save_copy(row):
    row._state.adding = True
    row.log = "elsewhere"
    row.save()


def bulk_update(row):
    row.log = "elsewhere"
    type(row).objects.bulk_update([row], ["log"])


def bulk_upsert(row):
    row.log = "elsewhere"
    type(row).objects.bulk_create(
        [row], update_conflicts=True, update_fields=["log"], unique_fields=[row._meta.pk.name]
    )


def raw(row):
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET log = 'x'")  # noqa: S608 - our own name


def raw_queryset_delete(row):
    rows = type(row)._base_manager.all()
    rows._raw_delete(rows.db)


def delete_through_the_base_class(row):
    models.Model.delete(row)


WAYS = [
    save,
    save_copy,
    lambda row: type(row).objects.filter(pk=row.pk).update(log="x"),
    bulk_update,
    bulk_upsert,
    lambda row: row.delete(),
    lambda row: type(row).objects.all().delete(),
    raw,
    raw_queryset_delete,
    lambda row: type(row)._base_manager.filter(pk=row.pk).update(log="x"),
    lambda row: type(row)._base_manager.all().delete(),
    delete_through_the_base_class,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_road_through_django_changes_a_row(row, way):
    before = state()

    with pytest.raises(REFUSED), transaction.atomic():
        way(row)

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


STATEMENTS = [
    "UPDATE {table} SET log = 'x'",
    "DELETE FROM {table}",
    "REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}",
    "INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}",
    "UPDATE OR REPLACE {table} SET log = 'x'",
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE true "
    "ON CONFLICT ({key}) DO UPDATE SET log = 'x'",
    # A row can be replaced by its hidden number alone, under a new id.
    "INSERT OR REPLACE INTO {table} (rowid, {columns}) SELECT rowid, {others} FROM {table}",
]
POSTGRES_STATEMENTS = [
    "UPDATE {table} SET log = 'x'",
    "DELETE FROM {table}",
    "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE",
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} "
    "ON CONFLICT ({key}) DO UPDATE SET log = 'x'",
    "WITH gone AS (DELETE FROM {table} RETURNING 1) SELECT count(*) FROM gone",
    "MERGE INTO {table} t USING (SELECT {key} FROM {table}) s "
    "ON t.{key} = s.{key} WHEN MATCHED THEN UPDATE SET log = 'x'",
    "SET LOCAL session_replication_role = replica; UPDATE {table} SET log = 'x'",
]


@pytest.mark.parametrize("number", range(7))
def test_no_statement_changes_a_row(row, number):
    statements = STATEMENTS if connection.vendor == "sqlite" else POSTGRES_STATEMENTS
    names = [field.column for field in row._meta.fields]
    made_up = {row._meta.pk.column: "'0'", "log": "'x'"}
    statement = statements[number].format(
        table=row._meta.db_table,
        key=row._meta.pk.column,
        columns=", ".join(names),
        others=", ".join(made_up.get(name, name) for name in names),
    )
    before = state()

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert state() == before


def test_roads_and_statements_would_change_a_row_if_nothing_refused():
    """The planted fault of T04 and T05: a database without its triggers."""
    record = AuditRecordFactory()
    unguard()
    before = state()
    raw(record)
    changed = state()
    delete_through_the_base_class(record)
    assert len({str(one) for one in (before, changed, state())}) == 3


def test_a_record_comes_with_its_obligation_to_get_a_place():
    with transaction.atomic():
        AuditRecordFactory()
        transaction.set_rollback(True)
    record = AuditRecordFactory()

    assert [row.record_id for row in Pending.objects.all()] == [record.pk]


def test_a_trigger_that_was_exchanged_for_another_is_missing_until_it_is_put_back():
    name = "audit_leaf_no_update" if connection.vendor == "sqlite" else "audit_leaf_no_change"
    body = (
        "BEGIN SELECT 1; END"
        if connection.vendor == "sqlite"
        else "FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    suffix = "" if connection.vendor == "sqlite" else " ON audit_leaf"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}{suffix}")
        cursor.execute(f"CREATE TRIGGER {name} BEFORE UPDATE ON audit_leaf {body}")
    assert triggers.expected(connection) - triggers.installed(connection) == {name}

    triggers.install(connection)

    assert triggers.expected(connection) == triggers.installed(connection)
