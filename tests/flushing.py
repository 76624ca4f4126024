"""The end of a test with real transactions: every row goes, and only where there is one.

Django's own flush truncates each of some hundred tables and makes all permissions anew, which takes
longer than most tests. What `migrate` wrote itself stays: content types and permissions.
"""

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connections, transaction
from django.test import TransactionTestCase

from audit import triggers

KEPT = (ContentType, Permission)
TRIES = 3


def flush_what_was_written(case: TransactionTestCase) -> None:
    """Takes the place of `TransactionTestCase._fixture_teardown`."""
    for alias in case._databases_names(include_mirrors=False):
        _flush(alias)


def _flush(alias: str) -> None:
    """A server that ends with the test may still write: its lock and the flush's can meet."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return _delete(alias, _written(alias))
        except DatabaseError:
            if not left:
                raise
    return None


def _written(alias: str) -> list[str]:
    quote = connections[alias].ops.quote_name
    has_rows = "SELECT '{}' WHERE EXISTS (SELECT 1 FROM {})"
    asked = " UNION ALL ".join(has_rows.format(table, quote(table)) for table in _tables())
    with connections[alias].cursor() as cursor:
        cursor.execute(asked)
        return [table for (table,) in cursor.fetchall()]


def _delete(alias: str, tables: list[str]) -> None:
    connection = connections[alias]
    # Append-only tables are so by triggers, which would rightly refuse.
    append_only = not set(triggers.TABLES).isdisjoint(tables)
    if append_only:
        triggers.remove(connection)
    try:
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            # In any order: Django's foreign keys are checked at the commit.
            for table in tables:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608 - ours
    finally:
        if append_only:
            triggers.install(connection)


def _tables() -> list[str]:
    models = [one for one in apps.get_models(include_auto_created=True) if one not in KEPT]
    return sorted({one._meta.db_table for one in models if one._meta.managed})
