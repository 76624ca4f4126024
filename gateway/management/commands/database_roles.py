"""`manage.py database_roles`: owner, runtime, intake and scheduler on PostgreSQL."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.core.management import BaseCommand, CommandError
from psycopg import sql

from audit import roles
from gateway import database_roles, env

POSTGRES = "django.db.backends.postgresql"
# Whose password stands in which address.
ADDRESSES = {
    "runtime": "DATABASE_URL",
    "intake": "COUNTERSIGN_INTAKE_DATABASE_URL",
    "scheduler": "COUNTERSIGN_SCHEDULER_DATABASE_URL",
}


class Command(BaseCommand):
    """Prints the SQL, or runs it; a second run changes nothing."""

    help = (
        "Print the SQL that gives PostgreSQL an owner and a role for each kind of process, or run "
        "it with --apply over COUNTERSIGN_MIGRATION_DATABASE_URL."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Print or run."""
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--sql", action="store_true", help="print the SQL (the default)")
        either.add_argument(
            "--apply", action="store_true",
            help="run it, and set the passwords that the addresses of the roles hold",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """All of it or nothing."""
        url = settings.MIGRATION_DATABASE_URL or settings.DATABASE_URL
        place = env.database(url)
        if place["ENGINE"] != POSTGRES:
            raise CommandError(
                "SQLite has no roles: whoever can write the file can change it. Use PostgreSQL "
                "where the database itself has to prevent that."
            )
        if options["apply"]:
            self._apply(url)
        else:
            self.stdout.write(_printable(place["NAME"]))

    def _apply(self, url: str) -> None:
        try:
            with psycopg.connect(url) as connection:
                database, present = _found(connection)
                for statement in database_roles.script(database, present):
                    connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
                told = list(_set_passwords(connection))
        except psycopg.errors.InsufficientPrivilege as error:
            raise CommandError(
                f"nothing was changed: {error}. COUNTERSIGN_MIGRATION_DATABASE_URL must name a "
                f"role that may make roles and owns the database and its tables, or a superuser."
            ) from error
        except psycopg.Error as error:
            raise CommandError(f"nothing was changed: {error}".strip()) from error
        self.stdout.write("\n".join(told))
        if not present:
            self.stdout.write("There is no table yet: manage.py migrate gives the rights to them.")


def _printable(database: str) -> str:
    statements = database_roles.script(database, database_roles.tables())
    return "\n".join(
        [
            "-- After `manage.py migrate`, as a superuser or as who owns the database and its",
            "-- tables and may make roles: psql --set ON_ERROR_STOP=1. Then give the three that",
            "-- log in their passwords (\\password).",
            "BEGIN;",
            *(f"{statement};" for statement in statements),
            "COMMIT;",
        ]
    )


def _found(connection: psycopg.Connection[Any]) -> tuple[str, list[str]]:
    """The name of the database, and its tables."""
    row = connection.execute(
        "SELECT current_database(), array(SELECT tablename::text FROM pg_tables "
        "WHERE schemaname = %s)",
        [database_roles.SCHEMA],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def _set_passwords(connection: psycopg.Connection[Any]) -> Iterator[str]:
    """Set those that the addresses hold, as verifiers: no password reaches the server or its log.

    Gives a line about each role.
    """
    given = roles.names()
    for kind, setting in ADDRESSES.items():
        address: str = getattr(settings, setting.removeprefix("COUNTERSIGN_"))
        name, parts = given.of(kind), urlsplit(address)
        if unquote(parts.username or "") != name or not parts.password:
            yield f"{name}: no password set; {setting} does not name this role with one"
            continue
        verifier = connection.pgconn.encrypt_password(
            unquote(parts.password).encode(), name.encode(), b"scram-sha-256"
        )
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(name), verifier.decode()))
        yield f"{name}: password set to the one in {setting}"
