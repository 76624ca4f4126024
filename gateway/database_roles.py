"""The four database roles on PostgreSQL: the SQL that sets them up, and whether it is still so.

The owner cannot log in; schema and tables are its own, and whoever migrates becomes it. Web and
worker run as `runtime`, and `intake` and `scheduler` have roles that may do what these processes
do and no more. `migrate` hands out the rights to what it made, so nobody has to remember to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import AppConfig, apps
from django.core.management import CommandError
from django.db import connections

from audit import roles
from audit.roles import APPEND, KINDS, MENDS, READ, Names, Rights

SCHEMA = "public"
MIGRATIONS = "django_migrations"
EVERYTHING: Rights = APPEND | {"UPDATE", "DELETE"}
# What an intake process touches, column by column; it decides nothing and proposes nothing.
INTAKE: dict[str, Rights] = {
    "webhooks_event": APPEND | {"UPDATE (duplicates)"},
    "webhooks_refusal": APPEND | {"UPDATE (count)", "UPDATE (last_at)"},
    "webhooks_document": APPEND | {"UPDATE (due_at)", "DELETE"},
    "webhooks_source": READ | {"UPDATE (last_event_at)"},
    "webhooks_secret": READ | {"UPDATE (last_used_at)"},
    "tenants_environment": READ,
}
# A scheduler stops all environments where the database was set back; it lets none go on.
SCHEDULER: dict[str, Rights] = {
    "gateway_lease": APPEND | {"UPDATE"},
    "approvals_killswitch": APPEND,
    "tenants_environment": READ,
    "tenants_tenant": READ,
}


def wanted(table: str, kind: str) -> Rights:
    """What this kind of process may do with a table."""
    if table in roles.MAY:
        return roles.MAY[table].get(kind, frozenset())
    if kind == "runtime":
        return READ if table == MIGRATIONS else EVERYTHING
    return {"intake": INTAKE, "scheduler": SCHEDULER}[kind].get(table, frozenset())


def tables() -> list[str]:
    """Every table that a migration of this release makes."""
    models = apps.get_models(include_auto_created=True)
    found = {model._meta.db_table for model in models if model._meta.managed}
    return sorted(found | {MIGRATIONS})


def script(database: str, present: Iterable[str]) -> list[str]:
    """All statements, to be run in one transaction by whoever may make roles; any number of times.

    `present` are the tables that exist. No password is in it.
    """
    given = roles.names()
    return [*_roles(given), *_places(given, database), *grants(present)]


def _roles(given: Names) -> Iterator[str]:
    for name in (given.owner, *given.logins):
        yield (
            f"DO $$ BEGIN CREATE ROLE {_quoted(name)}; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    yield f"ALTER ROLE {_quoted(given.owner)} NOLOGIN"
    for name in given.logins:
        yield f"ALTER ROLE {_quoted(name)} LOGIN"
    # Whoever runs this hands things over to the owner, and becomes it in order to migrate.
    # S608: the name is quoted.
    yield (
        "DO $$ BEGIN IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) "  # noqa: S608
        f"THEN GRANT {_quoted(given.owner)} TO CURRENT_USER; END IF; END $$"
    )


def _places(given: Names, database: str) -> Iterator[str]:
    owner, logins = _quoted(given.owner), ", ".join(map(_quoted, given.logins))
    yield f"REVOKE CREATE, TEMPORARY ON DATABASE {_quoted(database)} FROM PUBLIC"
    yield f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {logins}"
    yield f"ALTER SCHEMA {SCHEMA} OWNER TO {owner}"
    yield f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC, {logins}"
    yield f"GRANT USAGE ON SCHEMA {SCHEMA} TO {logins}"
    yield from _handed_over(given.owner)
    defaults = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner}"
    # A new table is born append-only; what more is needed comes at the end of the migrate.
    runtime = _quoted(given.runtime)
    yield f"{defaults} IN SCHEMA {SCHEMA} GRANT SELECT, INSERT ON TABLES TO {runtime}"
    yield f"{defaults} IN SCHEMA {SCHEMA} GRANT USAGE ON SEQUENCES TO {runtime}"
    yield f"{defaults} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"


def _handed_over(owner: str) -> Iterator[str]:
    """What stands in the schema and came with no extension belongs to the owner."""
    for catalog, prefix, kind, name in (
        ("pg_class", "rel", "TABLE", "regclass"),
        ("pg_proc", "pro", "ROUTINE", "regprocedure"),
    ):
        which = "relkind IN ('r', 'p', 'v', 'S') AND " if catalog == "pg_class" else ""
        # S608: all of it is from the list above.
        yield (
            f"DO $$ DECLARE one text; BEGIN FOR one IN SELECT oid::{name} FROM {catalog} "  # noqa: S608
            f"WHERE {which}{prefix}namespace = '{SCHEMA}'::regnamespace "
            f"AND {prefix}owner <> '{_quoted(owner)}'::regrole AND NOT EXISTS (SELECT 1 "
            f"FROM pg_depend WHERE classid = '{catalog}'::regclass AND objid = {catalog}.oid "
            f"AND deptype IN ('e', 'a', 'i')) LOOP EXECUTE "
            f"format('ALTER {kind} %s OWNER TO {_quoted(owner)}', one); END LOOP; END $$"
        )


def grants(present: Iterable[str]) -> list[str]:
    """The statements that take every right to these tables away and give the wanted ones."""
    given, known = roles.names(), sorted(set(tables()) & set(present))
    if not known:
        return []
    everybody = ", ".join(["PUBLIC", *map(_quoted, given.logins)])
    found = [f"REVOKE ALL ON TABLE {_listed(known)} FROM {everybody}"]
    for kind in KINDS:
        alike: dict[Rights, list[str]] = defaultdict(list)
        for table in known:
            alike[wanted(table, kind)].append(table)
        for rights, having in alike.items():
            if rights:
                words, role = ", ".join(sorted(rights)), _quoted(given.of(kind))
                found.append(f"GRANT {words} ON TABLE {_listed(having)} TO {role}")
    return found


def differences(connection: Any) -> list[str]:
    """Which rights of the three roles are not the wanted ones; each with what mends it."""
    given = roles.names()
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH given (oid, relname, acl, part) AS ("
            "SELECT oid, relname, relacl, '' FROM pg_class WHERE relkind IN ('r', 'p', 'v') "
            "AND relnamespace = %s::regnamespace UNION ALL "
            "SELECT c.oid, c.relname, a.attacl, ' (' || a.attname || ')' FROM pg_attribute a "
            "JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = %s::regnamespace "
            "AND a.attacl IS NOT NULL) "
            "SELECT relname, r.rolname, array_agg(e.privilege_type || part) "
            "FROM given CROSS JOIN aclexplode(acl) e JOIN pg_roles r ON r.oid = e.grantee "
            "WHERE r.rolname = ANY(%s) GROUP BY 1, 2",
            [SCHEMA, SCHEMA, list(given.logins)],
        )
        actual = {(table, role): frozenset(words) for table, role, words in cursor.fetchall()}
    present = set(connection.introspection.table_names())
    pairs = {(table, given.of(kind)) for table in present & set(tables()) for kind in KINDS}
    found = []
    for table, role in sorted(pairs | set(actual)):
        is_ours = (table, role) in pairs
        should = wanted(table, given.logins[role]) if is_ours else frozenset()
        has = actual.get((table, role), frozenset())
        for words, verb in ((has - should, "may"), (should - has, "may not")):
            if words:
                found.append(f"role {role} {verb} {', '.join(sorted(words))} {table}: {MENDS}")
    return found


def become_owner(sender: AppConfig, *, using: str, **_: Any) -> None:
    """Receiver of `pre_migrate`: what is made now belongs to the owner, where there is one.

    Raises CommandError where this connection may not become it.
    """
    connection, owner = connections[using], roles.names().owner
    if connection.vendor != "postgresql" or not _owns_schema(connection, owner):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, pg_has_role(current_user, %s, 'MEMBER')", [owner])
        user, may = cursor.fetchone()
        if not may:
            raise CommandError(
                f"this database belongs to {owner}, which {user} may not become: name an "
                f"administrator's role in COUNTERSIGN_MIGRATION_DATABASE_URL."
            )
        cursor.execute(f"SET ROLE {_quoted(owner)}")


def grant_after_migrate(sender: AppConfig, *, using: str, **_: Any) -> None:
    """Receiver of `post_migrate`: hand out the rights to what is new."""
    connection, owner = connections[using], roles.names().owner
    if connection.vendor != "postgresql" or not _owns_schema(connection, owner):
        return
    if differences(connection):
        with connection.cursor() as cursor:
            for statement in grants(connection.introspection.table_names(cursor)):
                cursor.execute(statement)


def _owns_schema(connection: Any, owner: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s AND pg_get_userbyid(nspowner) = %s",
            [SCHEMA, owner],
        )
        return cursor.fetchone() is not None


def _listed(found: Iterable[str]) -> str:
    return ", ".join(map(_quoted, found))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
