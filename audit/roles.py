"""Which database role may do what with the audit log on PostgreSQL, and whether it is so.

`manage.py database_roles` sets it up; `doctor` and `audit_verify` look here. What a role may do is
asked of the database as it would answer that role, so a right that came through a group, through
everybody or through one column counts like one that was given by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from audit.triggers import PENDING, POSTGRES_SOURCES, RECORDS, TABLES

Rights = frozenset[str]
KINDS = ("runtime", "intake", "scheduler")
MENDS = "manage.py database_roles --apply"
READ: Rights = frozenset({"SELECT"})
APPEND: Rights = READ | {"INSERT"}
# Nobody but the owner changes, removes or empties anything that is evidence. Intake records
# nothing: an event is evidence itself.
MAY: dict[str, dict[str, Rights]] = {
    # The scheduler records which heads it signed, in the log that belongs to no tenant.
    RECORDS: {"runtime": APPEND, "scheduler": APPEND},
    "audit_leaf": {"runtime": READ, "scheduler": APPEND},
    "audit_checkpoint": {"runtime": READ, "scheduler": APPEND},
    # A trigger inserts with the rights of whoever inserted the record.
    PENDING: {"runtime": APPEND, "scheduler": APPEND | {"DELETE"}},
    # How often something was refused is a count, not a record.
    "audit_refusalcount": {"runtime": APPEND | {"UPDATE", "DELETE"}},
}
SHARED = (
    "one database role owns the audit tables and runs the application, so it can drop what "
    "protects them: changes are detected, not prevented. Set COUNTERSIGN_MIGRATION_DATABASE_URL "
    f"and run {MENDS}"
)
WRITING = ("INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
TOO_STRONG = (
    "rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls",
)  # fmt: skip


@dataclass(frozen=True)
class Names:
    """What the four roles are called."""

    owner: str
    runtime: str
    intake: str
    scheduler: str

    def of(self, kind: str) -> str:
        """The role of one kind of process."""
        return str(getattr(self, kind))

    @property
    def logins(self) -> dict[str, str]:
        """Those that run something, with their kinds."""
        return {self.of(kind): kind for kind in KINDS}


@dataclass
class Report:
    """What is not as it was set up, and what should be known besides."""

    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def names() -> Names:
    """The names of this installation's roles; a cluster has one name space for all databases."""
    prefix = settings.DATABASE_ROLE_PREFIX
    return Names(*(f"{prefix}_{kind}" for kind in ("owner", *KINDS)))


def are_set_up(connection: Any) -> bool:
    """Whether somebody made the owner of this installation."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [names().owner])
        return cursor.fetchone() is not None


def examine(connection: Any) -> Report:
    """Compare owner, roles and rights with what was set up; without roles there is only a note."""
    report = Report()
    if connection.vendor != "postgresql":
        report.notes.append(
            "SQLite has no roles: whoever can write the file can drop what protects the audit log"
        )
    elif not are_set_up(connection):
        report.notes.append(SHARED)
    else:
        with connection.cursor() as cursor:
            report.wrong += _owners(cursor, names())
            report.wrong += _roles(cursor, names())
            report.wrong += _memberships(cursor, names(), report.notes)
            report.wrong += _rights(cursor, names())
    return report


def _owners(cursor: Any, given: Names) -> Iterator[str]:
    cursor.execute(
        "SELECT 'table ' || relname, pg_get_userbyid(relowner) FROM pg_class "
        "WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s) UNION ALL "
        "SELECT 'function ' || proname, pg_get_userbyid(proowner) FROM pg_proc "
        "WHERE pronamespace = current_schema()::regnamespace AND proname = ANY(%s) UNION ALL "
        "SELECT 'schema ' || nspname, pg_get_userbyid(nspowner) FROM pg_namespace "
        "WHERE oid = current_schema()::regnamespace ORDER BY 1",
        [list(MAY), list(POSTGRES_SOURCES)],
    )
    for what, owner in cursor.fetchall():
        if owner != given.owner:
            yield f"{what} belongs to {owner}, not to {given.owner}: {MENDS}"
    cursor.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    )
    if (owner := cursor.fetchone()[0]) in given.logins:
        yield f"the database belongs to {owner}: ALTER DATABASE … OWNER TO an administrator"


def _roles(cursor: Any, given: Names) -> Iterator[str]:
    wanted = [given.owner, *given.logins]
    cursor.execute(
        f"SELECT rolname, rolcanlogin, {', '.join(TOO_STRONG)} "  # noqa: S608 - fixed names
        "FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1",
        [wanted],
    )
    found = {name: rest for name, *rest in cursor.fetchall()}
    for name in wanted:
        if name not in found:
            yield f"role {name} does not exist: {MENDS}"
            continue
        can_log_in, *flags = found[name]
        if can_log_in and name == given.owner:
            yield f"role {name} can log in: {MENDS}"
        for flag, is_set in zip(TOO_STRONG, flags, strict=True):
            if is_set:
                word = flag.removeprefix("rol").upper().replace("SUPER", "SUPERUSER")
                yield f"role {name} has {word}: ALTER ROLE {name} NO{word}"


def _memberships(cursor: Any, given: Names, notes: list[str]) -> Iterator[str]:
    cursor.execute(
        "SELECT r.rolname, o.rolname FROM pg_roles r JOIN pg_roles o ON o.rolname = ANY(%s) "
        "WHERE NOT r.rolsuper AND r.oid <> o.oid AND pg_has_role(r.oid, o.oid, 'MEMBER') "
        "AND r.rolcanlogin ORDER BY 1, 2",
        [[given.owner, *given.logins]],
    )
    administrators = []
    for member, role in cursor.fetchall():
        if member in given.logins:
            yield f"role {member} may become {role}: REVOKE {role} FROM {member}"
        elif role == given.owner:
            administrators.append(member)
    if administrators:
        notes.append(f"may become {given.owner}, and then anything: {', '.join(administrators)}")


def _rights(cursor: Any, given: Names) -> Iterator[str]:
    cursor.execute(
        "SELECT r.rolname, c.relname, p.word, has_table_privilege(r.oid, c.oid, p.word) "
        "OR p.word IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') "
        "AND has_any_column_privilege(r.oid, c.oid, p.word) "
        "FROM pg_roles r CROSS JOIN pg_class c CROSS JOIN unnest(%s::text[]) AS p (word) "
        "WHERE r.rolcanlogin AND NOT r.rolsuper "
        "AND (r.rolname = ANY(%s) OR NOT pg_has_role(r.oid, %s, 'MEMBER')) "
        "AND c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace ORDER BY 1, 2",
        [["SELECT", *WRITING], list(given.logins), given.owner, list(MAY)],
    )
    may: dict[tuple[str, str], set[str]] = {}
    for role, table, word, has in cursor.fetchall():
        may.setdefault((role, table), set()).update([word] if has else [])
    for (role, table), words in may.items():
        kind = given.logins.get(role)
        # Others may have been let read: auditors, say. That is the administrator's business.
        wanted = MAY[table].get(kind, frozenset()) if kind else READ
        if extra := words - wanted:
            mend = MENDS if kind else f"REVOKE it from {role}, or from what it belongs to"
            yield f"role {role} may {_listed(extra)} {table}: {mend}"
        if kind and (missing := wanted - words):
            yield f"role {role} may not {_listed(missing)} {table}: {MENDS}"


def _listed(words: set[str] | Rights) -> str:
    return ", ".join(sorted(words))


def is_too_strong(connection: Any) -> bool:
    """Whether the role of this connection could take the protection of the audit tables away."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT bool_or(pg_has_role(current_user, tableowner, 'MEMBER') OR "
            "has_table_privilege(current_user, tablename, 'TRUNCATE')) "
            "FROM pg_tables WHERE tablename = ANY(%s) AND schemaname = current_schema()",
            [list(TABLES)],
        )
        row = cursor.fetchone()
    return row is None or row[0] is not False
