"""What `doctor` looks at: one finding a check, each with what to do where something is wrong."""

import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from approvals.models import KillSwitch
from audit import continuity, roles, triggers
from gateway import database_roles
from gateway.embedded import redis
from gateway.lib import broker, heartbeat
from gateway.outlets import services as outlets
from gateway.outlets.models import Outlet
from gateway.tools import services as tools

# Of kill switches, one line each, with so many characters of the reason; their pages have it all.
MOST_SWITCHES, MOST_SAID = 20, 150
TOO_MUCH = "the role of DATABASE_URL owns the audit tables and can drop what protects them"


class Grade(StrEnum):
    """How bad it is: a note needs nobody, something wrong makes `doctor` end with 1."""

    OK = "ok"
    NOTE = "note"
    WRONG = "WRONG"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    grade: Grade
    subject: str
    text: str


def examine() -> Iterator[Finding]:
    """Every check, in the order of what depends on what."""
    yield _python()
    yield from _rights()
    yield _keys()
    yield from _database()
    yield _queue()
    yield from _processes()
    yield from _outlets()
    yield _address()
    yield _outbound()
    yield _connectors()


def _when_in_production(condition: bool) -> Grade:
    """What is a note on one's own machine is wrong where it counts."""
    if not condition:
        return Grade.OK
    return Grade.WRONG if settings.PRODUCTION else Grade.NOTE


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    return Finding(Grade.OK if good else Grade.WRONG, "python", f"{found}, 3.11 or newer is needed")


def _rights() -> Iterator[Finding]:
    folder = Path(settings.DATA_DIR)
    yield _closed(folder, "data folder", 0o700)
    if settings.KEY_DIR.exists():
        for file in sorted(settings.KEY_DIR.iterdir()):
            yield _closed(file, f"key file {file.name}", 0o600)


def _closed(path: Path, subject: str, wanted: int) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        text = f"mode {mode:o} lets others in: chmod {wanted:o} {path}"
        return Finding(Grade.WRONG, subject, text)
    return Finding(Grade.OK, subject, f"{path} is its owner's alone")


def _keys() -> Finding:
    if settings.PRODUCTION:
        return Finding(Grade.OK, "keys", "all come from the environment")
    text = f"made and kept in {settings.KEY_DIR}; COUNTERSIGN_ENV=production demands its own"
    return Finding(Grade.NOTE, "keys", text)


def _database() -> Iterator[Finding]:
    try:
        connection.ensure_connection()
        yield Finding(Grade.OK, "database", f"{connection.display_name} answers")
        yield _migrations()
        yield _triggers()
        yield _continuity()
        yield from _switches()
        yield from _settings_of_sqlite() if connection.vendor == "sqlite" else _roles()
    except DatabaseError as error:
        yield Finding(Grade.WRONG, "database", f"does not answer: {error}".strip())


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return Finding(Grade.WRONG, "migrations", f"{missing} are missing: manage.py migrate")
    return Finding(Grade.OK, "migrations", "all applied")


def _triggers() -> Finding:
    missing = triggers.expected(connection) - triggers.installed(connection)
    if missing:
        text = f"{', '.join(sorted(missing))} missing: manage.py migrate puts them back"
        return Finding(Grade.WRONG, "audit triggers", text)
    return Finding(Grade.OK, "audit triggers", "records refuse change")


def _continuity() -> Finding:
    if (found := continuity.set_back()) is not None:
        text = f"{found.log}: {found.found} See docs/execution.md, Restoring a backup."
        return Finding(Grade.WRONG, "audit log", text)
    return Finding(Grade.OK, "audit log", "continues what was published")


def _switches() -> Iterator[Finding]:
    """What is stopped on purpose, because that is why nothing runs."""
    rows = KillSwitch.objects.on().select_related("environment__tenant", "turned_on_by")
    for row in rows[:MOST_SWITCHES]:
        where = f"{row.environment.tenant.slug}/{row.environment.slug}"
        since = f"{row.created_at:%Y-%m-%d %H:%M} UTC"
        text = f"{row.what} stopped since {since} by {row.stopped_by}: {_first_line(row.reason)}"
        yield Finding(Grade.NOTE, f"stopped, {where}", text)
    if (more := rows.count() - MOST_SWITCHES) > 0:
        yield Finding(Grade.NOTE, "stopped", f"{more} more kill switches are on")


def _first_line(text: str) -> str:
    """What somebody wrote, as a terminal may have it."""
    line = text.strip().splitlines()[0][:MOST_SAID] if text.strip() else ""
    return "".join(char if char.isprintable() else "\ufffd" for char in line)


def _settings_of_sqlite() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
        synchronous = cursor.execute("PRAGMA synchronous").fetchone()[0]
    safe = mode == "wal" and synchronous >= 2
    text = f"{sqlite3.sqlite_version}, journal {mode}, synchronous {synchronous}"
    yield Finding(Grade.OK if safe else Grade.WRONG, "sqlite", text)
    yield Finding(
        _when_in_production(True),
        "roles",
        "one owner can drop the audit triggers; PostgreSQL with two roles prevents that",
    )


def _roles() -> Iterator[Finding]:
    too_much, are_set_up = roles.is_too_strong(connection), roles.are_set_up(connection)
    text = "the role of DATABASE_URL cannot change the audit tables"
    if too_much:
        text = f"connect as {roles.names().runtime}: {TOO_MUCH}" if are_set_up else roles.SHARED
    yield Finding(_when_in_production(too_much), "roles", text)
    if are_set_up:
        found = [*roles.examine(connection).wrong, *database_roles.differences(connection)]
        for line in dict.fromkeys(found):
            yield Finding(Grade.WRONG, "roles", line)


def _queue() -> Finding:
    answers = broker.is_reachable()
    is_embedded = settings.REDIS_URL == settings.EMBEDDED_REDIS_URL
    given = redis.kind() if is_embedded else "Redis of REDIS_URL"
    if answers:
        return Finding(Grade.OK, "queue", f"{given} answers")
    return Finding(_when_in_production(True), "queue", f"{given} does not answer: is `up` running?")


def _processes() -> Iterator[Finding]:
    for kind, without in (
        ("worker", "approved actions wait"),
        ("scheduler", "lost bells and deadlines wait"),
    ):
        missing = not heartbeat.alive(kind)
        text = f"no sign of life: {without}" if missing else "gives signs of life"
        yield Finding(_when_in_production(missing), kind, text)


def _outlets() -> Iterator[Finding]:
    for row in Outlet.objects.failing():
        text = f"{outlets.behind(row)} leaves behind, {row.failures} tries failed: {row.reason}"
        yield Finding(Grade.WRONG, f"audit, {row}", text)
    if not settings.AUDIT_CUSTODIANS:
        text = "nobody elsewhere keeps checkpoints: COUNTERSIGN_AUDIT_CUSTODIANS"
        yield Finding(Grade.NOTE, "audit custodian", text)


def _address() -> Finding:
    text = settings.PUBLIC_URL
    if not settings.IS_HTTPS:
        text += " is not https: cookies and webhooks travel in the clear"
    return Finding(_when_in_production(not settings.IS_HTTPS), "public url", text)


def _outbound() -> Finding:
    allowed = ", ".join(settings.OUTBOUND_ALLOW) or "nothing"
    return Finding(Grade.OK, "outbound", f"private addresses that may be called: {allowed}")


def _connectors() -> Finding:
    try:
        return Finding(
            Grade.OK,
            "connectors",
            ", ".join(dict.fromkeys(one.connector for one in tools.offers())),
        )
    except ImproperlyConfigured as error:
        return Finding(Grade.WRONG, "connectors", str(error))


KEY_NAMES = (
    "COUNTERSIGN_SECRET_KEY",
    "COUNTERSIGN_ENCRYPTION_KEYS",
    "COUNTERSIGN_APPROVAL_SIGNING_KEY",
    "COUNTERSIGN_AUDIT_SIGNING_KEY",
    "COUNTERSIGN_PUSH_KEY",
)


def fresh_keys(generate: Callable[[], str], public_key: Callable[[str], str]) -> dict[str, str]:
    """A set of keys that nobody has, with the public half of the one that signs."""
    keys = {name: generate() for name in KEY_NAMES}
    seed = keys["COUNTERSIGN_APPROVAL_SIGNING_KEY"]
    return keys | {"COUNTERSIGN_APPROVAL_VERIFY_KEY": public_key(seed)}
