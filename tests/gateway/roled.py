"""A copy of the test run's PostgreSQL database with the four roles, and connections as each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from audit import roles

ON_POSTGRES = os.environ.get("DATABASE_URL", "").startswith("postgres")
NO_ROLES = "SQLite has no roles"
PASSWORD = "a/pass:word"
QUOTED_PASSWORD = "a%2Fpass%3Aword"


def address(name: str, user: str = "") -> str:
    """That of a database on the run's server, as the administrator or as one of the roles."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    query, (login, _, host) = dict(parse_qsl(parts.query)), parts.netloc.rpartition("@")
    if user:
        login = f"{user}:{QUOTED_PASSWORD}"
        query.pop("user", None)
    return f"postgresql://{login}{'@' if login else ''}{host}/{name}?{urlencode(query)}"


@dataclass(frozen=True)
class Roled:
    """The database."""

    name: str

    @contextmanager
    def acting_as(self, kind: str) -> Iterator[Any]:
        """Django's connection, opened anew as the role of this kind; empty is the administrator."""
        place: dict[str, Any] = connection.settings_dict
        before = dict(place)
        connection.close()
        place["NAME"] = self.name
        if kind:
            place |= {"USER": roles.names().of(kind), "PASSWORD": PASSWORD}
        try:
            yield connection
        finally:
            connection.close()
            place.update(before)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Those of an installation that uses the roles."""
        given = roles.names()
        with override_settings(
            MIGRATION_DATABASE_URL=address(self.name),
            DATABASE_URL=address(self.name, given.runtime),
            INTAKE_DATABASE_URL=address(self.name, given.intake),
            SCHEDULER_DATABASE_URL=address(self.name, given.scheduler),
        ):
            yield


@contextmanager
def database_with_roles() -> Iterator[Roled]:
    """Made from the test database as it stands, and gone afterwards, roles and all."""
    source = connection.settings_dict["NAME"]
    assert source.startswith("test_"), "no test of this run asks for the database: run whole files"
    connection.close()
    made = Roled(f"{source}_roles")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as administrator:
        # Connections that other tests' threads left behind would stand in the copy's way.
        administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source]
        )
        administrator.execute(f'CREATE DATABASE "{made.name}" TEMPLATE "{source}"')  # type: ignore[arg-type]
        try:
            with made.settings():
                call_command("database_roles", "--apply", verbosity=0)
            yield made
        finally:
            connection.close()
            drop(administrator, made.name, roles.names())


def drop(administrator: psycopg.Connection[Any], name: str, given: roles.Names) -> None:
    """The database, and the roles that only it knew."""
    administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]
    for role in (*given.logins, given.owner):
        administrator.execute(f'DROP ROLE IF EXISTS "{role}"')  # type: ignore[arg-type]
