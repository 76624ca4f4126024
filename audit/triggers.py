"""What refuses UPDATE, DELETE, REPLACE and TRUNCATE of the audit log, inside the database.

And what notes that a record has no place in the tree yet, whichever road it came in by.
Installed after every migrate, idempotently: Django rebuilds SQLite tables on some alterations and
silently drops their triggers. On SQLite the file's owner can still drop a trigger: there this
prevents accidents, and `doctor` and `audit_verify` detect the rest.
"""

from typing import Any, NamedTuple

from django.apps import AppConfig
from django.db import connections

RECORDS = "audit_auditrecord"
PENDING = "audit_pending"
# What must be unique in each table: an insert may replace the row that has it already.
KEYS = {
    RECORDS: "id = NEW.id",
    "audit_leaf": "record_id = NEW.record_id OR log = NEW.log AND leaf_index = NEW.leaf_index",
    "audit_checkpoint": "id = NEW.id OR log = NEW.log AND size = NEW.size",
}
TABLES = tuple(KEYS)
MESSAGE = "audit records are append-only"

SQLITE = {
    "no_update": "BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    "no_delete": "BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    # REPLACE deletes without firing delete triggers, so an insert over an existing row is refused.
    "no_replace": (
        "BEFORE INSERT ON {table} "
        "WHEN EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid OR {key}) "
        "BEGIN SELECT RAISE(ABORT, '{message}'); END"
    ),
}
SQLITE_ENQUEUE = (
    "AFTER INSERT ON {table} BEGIN INSERT INTO audit_pending (record_id) VALUES (NEW.id); END"
)
POSTGRES_SOURCES = {
    "audit_refuse": (
        f" BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END "
    ),
    "audit_enqueue": (
        " BEGIN INSERT INTO audit_pending (record_id) VALUES (NEW.id); RETURN NULL; END "
    ),
}
POSTGRES = {
    "no_change": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
}
POSTGRES_ENQUEUE = "AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION audit_enqueue()"
# What pg_trigger.tgtype says of them: bits for row, before, insert, delete, update, truncate.
POSTGRES_TYPES = {"no_change": 1 + 2 + 8 + 16, "no_truncate": 2 + 32, "enqueue": 1 + 4}


class Trigger(NamedTuple):
    """One trigger that must be there."""

    table: str
    name: str
    sql: str

    @property
    def full_name(self) -> str:
        """Its name in the database."""
        return f"{self.table}_{self.name}"


def install(connection: Any) -> None:
    """Create what is missing or different on this database; what is intact stays as it is."""
    intact = installed(connection)
    is_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if is_postgres:
            for name, source in POSTGRES_SOURCES.items():
                cursor.execute(
                    f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql "
                    f"AS $${source}$$"
                )
        for trigger in _wanted(connection):
            if trigger.full_name not in intact:
                cursor.execute(_drop(trigger, connection))
                cursor.execute(trigger.sql)
                if is_postgres:
                    # It also fires where a session plays replica to avoid triggers.
                    cursor.execute(
                        f"ALTER TABLE {trigger.table} ENABLE ALWAYS TRIGGER {trigger.full_name}"
                    )


def remove(connection: Any) -> None:
    """Drop the triggers: for tests that must empty the tables, and for nothing else."""
    with connection.cursor() as cursor:
        for trigger in _wanted(connection):
            cursor.execute(_drop(trigger, connection))


def installed(connection: Any) -> set[str]:
    """The names of our triggers that are in the database now, enabled and as we wrote them."""
    look = _intact_on_postgres if connection.vendor == "postgresql" else _intact_on_sqlite
    return look(connection)


def expected(connection: Any) -> set[str]:
    """The names of the triggers that must be there."""
    return {trigger.full_name for trigger in _wanted(connection)}


def install_after_migrate(sender: AppConfig, *, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`."""
    connection = connections[using]
    if {*TABLES, PENDING} <= set(connection.introspection.table_names()):
        install(connection)


def _wanted(connection: Any) -> list[Trigger]:
    is_postgres = connection.vendor == "postgresql"
    bodies = POSTGRES if is_postgres else SQLITE
    found = [_trigger(table, name, body) for table in TABLES for name, body in bodies.items()]
    enqueue = POSTGRES_ENQUEUE if is_postgres else SQLITE_ENQUEUE
    return [*found, _trigger(RECORDS, "enqueue", enqueue)]


def _trigger(table: str, name: str, body: str) -> Trigger:
    sql = body.format(table=table, message=MESSAGE, key=KEYS[table])
    return Trigger(table, name, f"CREATE TRIGGER {table}_{name} {sql}")


def _drop(trigger: Trigger, connection: Any) -> str:
    suffix = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
    return f"DROP TRIGGER IF EXISTS {trigger.full_name}{suffix}"


def _intact_on_sqlite(connection: Any) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        found = dict(cursor.fetchall())
    return {
        trigger.full_name
        for trigger in _wanted(connection)
        if found.get(trigger.full_name) == trigger.sql
    }


def _intact_on_postgres(connection: Any) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, c.relname, t.tgtype, p.proname, p.prosrc FROM pg_trigger t "
            "JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgenabled = 'A' AND t.tgqual IS NULL AND NOT t.tgisinternal "
            "AND c.relnamespace = current_schema()::regnamespace"
        )
        found = {name: rest for name, *rest in cursor.fetchall()}
    intact = set()
    for trigger in _wanted(connection):
        function = "audit_enqueue" if trigger.name == "enqueue" else "audit_refuse"
        wanted = [trigger.table, POSTGRES_TYPES[trigger.name], function, POSTGRES_SOURCES[function]]
        if found.get(trigger.full_name) == wanted:
            intact.add(trigger.full_name)
    return intact
