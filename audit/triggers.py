"""What refuses UPDATE, DELETE, REPLACE and TRUNCATE of audit records, inside the database.

Installed after every migrate, idempotently: Django rebuilds SQLite tables on some alterations and
silently drops their triggers. On SQLite the file's owner can still drop a trigger: there this
prevents accidents and detects the rest (`doctor` and the later verification look).
"""

from typing import Any

from django.apps import AppConfig
from django.db import connections

TABLES = ("audit_auditrecord",)
MESSAGE = "audit records are append-only"

SQLITE = {
    "no_update": "BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    "no_delete": "BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    # REPLACE deletes without firing delete triggers, so an insert over an existing row is refused.
    "no_replace": (
        "BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) "
        "BEGIN SELECT RAISE(ABORT, '{message}'); END"
    ),
}
POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
POSTGRES = {
    "no_change": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "no_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
}


def install(connection: Any) -> None:
    """Create what is missing on this database; existing triggers stay as they are."""
    present = installed(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(POSTGRES_FUNCTION.format(message=MESSAGE))
        for table in TABLES:
            for name, body in _wanted(connection).items():
                if f"{table}_{name}" not in present:
                    cursor.execute(_create(table, name, body=body))
                    _always(connection, cursor, table=table, name=name)


def remove(connection: Any) -> None:
    """Drop the triggers: for tests that must empty the tables, and for nothing else."""
    with connection.cursor() as cursor:
        for trigger in installed(connection):
            table = next(table for table in TABLES if trigger.startswith(table))
            suffix = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}{suffix}")


def installed(connection: Any) -> set[str]:
    """The names of our triggers that are in the database now and enabled."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = {row[0] for row in cursor.fetchall()}
    return found & expected(connection)


def expected(connection: Any) -> set[str]:
    """The names of the triggers that must be there."""
    return {f"{table}_{name}" for table in TABLES for name in _wanted(connection)}


def install_after_migrate(sender: AppConfig, *, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`."""
    connection = connections[using]
    if set(TABLES) <= set(connection.introspection.table_names()):
        install(connection)


def _wanted(connection: Any) -> dict[str, str]:
    return POSTGRES if connection.vendor == "postgresql" else SQLITE


def _create(table: str, name: str, *, body: str) -> str:
    return f"CREATE TRIGGER {table}_{name} " + body.format(table=table, message=MESSAGE)


def _always(connection: Any, cursor: Any, *, table: str, name: str) -> None:
    """On PostgreSQL the trigger also fires where a session plays replica to avoid triggers."""
    if connection.vendor == "postgresql":
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_{name}")
