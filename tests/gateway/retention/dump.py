"""All that a database holds, as text to search: every row of every table, bytes decoded."""

from collections.abc import Iterator

from django.db import connection


def dumped() -> str:
    """One text with the values of all rows."""
    return "\n".join(_values())


def _values() -> Iterator[str]:
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names of our own tables
            for row in cursor.fetchall():
                for value in row:
                    raw = isinstance(value, bytes | memoryview)
                    yield bytes(value).decode(errors="replace") if raw else str(value)
