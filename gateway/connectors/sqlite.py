"""SQLite: one parameterised statement on a file of the folder that is set aside for them.

Settings as for `postgresql`, but `role`. Connection: `dsn` of the form `sqlite:///shop.db`, a name
below COUNTERSIGN_SQLITE_DIR. Reading opens the file read-only; nothing ever creates one.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from gateway.connectors import statements
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus, Preview
from gateway.connectors.operations import found
from gateway.connectors.statements import QUERY, Statement, failed
from gateway.http.errors import OutsideError
from gateway.tools.render import RenderError

# How many steps of its machine SQLite takes between two looks at the clock.
STEPS = 1000
FORBIDDEN = frozenset({
    sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA,
    sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_ALTER_TABLE,
})  # fmt: skip
PASSING = ("locked", "busy", "interrupted")
# With these a COMMIT has not begun to write.
NOT_COMMITTED = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CONSTRAINT,
})  # fmt: skip


class Lost(Exception):
    """The commit broke off while it was written: nobody knows whether the change stands."""


class SqliteConnector:
    """The driver takes one statement at a time; values are bound and never text."""

    name = "sqlite"
    operations = statements.operations("sqlite")

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        found(self.operations, operation, connector=self.name)
        statements.check(operation, config, schema)
        if "role" in config:
            raise RenderError("role", "a SQLite file knows no roles")

    def render(
        self, config: Mapping[str, Any], operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The statement and its values; pure."""
        found(self.operations, operation, connector=self.name)
        return statements.render(operation, config, arguments)

    def preview(self, request: ConnectorRequest) -> Preview | None:
        """The rows before and after, from a transaction that is rolled back; of a read nothing."""
        if request.operation == QUERY:
            return None
        try:
            with _transaction(request, reading=False) as database:
                before = _shown(database, request)
                count, _ = _changed(database, request)
                after = _shown(database, request)
        except (sqlite3.Error, OverflowError) as error:
            raise OutsideError("preview_failed", True, False, detail=_words(error)) from error
        most = request.rendered["max_rows"]
        after |= {"rows_changed": count} | ({"refused": True} if count > most else {})
        return Preview(before, after, (), datetime.now(UTC))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Run it once; what does not reach its commit has changed nothing."""
        try:
            return self._read(request) if request.operation == QUERY else self._change(request)
        except OutsideError as error:
            return failed(error.reason, error.detail, retryable=not error.permanent)
        except Lost as error:
            return Outcome(
                OutcomeStatus.UNKNOWN, reason="commit_lost", error=str(error),
                may_have_happened=True, retryable=True,
            )  # fmt: skip
        except (sqlite3.Error, OverflowError) as error:
            is_passing = any(word in str(error) for word in PASSING)
            return failed("database_refused", _words(error), retryable=is_passing)

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What the table of keys remembers; None where the key is not in it.

        Raises OutsideError where it cannot be read.
        """
        try:
            with _transaction(request, reading=True) as database:
                return _remembered(database, request)
        except sqlite3.Error as error:
            raise OutsideError("lookup_failed", False, False, detail=_words(error)) from error

    def _read(self, request: ConnectorRequest) -> Outcome:
        with _transaction(request, reading=True) as database:
            cursor = database.execute(*_call(request, "sql"))
            result = _rows(cursor, request.rendered["max_rows"])
        return Outcome(OutcomeStatus.SUCCEEDED, result=result)

    def _change(self, request: ConnectorRequest) -> Outcome:
        most = request.rendered["max_rows"]
        with _transaction(request, reading=False) as database:
            if request.rendered.get("ledger"):
                if known := _remembered(database, request):
                    return known
                table = request.rendered["ledger"]
                database.execute(
                    f"INSERT INTO {table} (key) VALUES (?)",  # noqa: S608 - a checked plain name
                    [request.idempotency_key],
                )
            count, rows = _changed(database, request)
            if count > most:
                return statements.too_many(count, most)
            result = {"rows_changed": count, **rows}
            if request.rendered.get("ledger"):
                database.execute(
                    f"UPDATE {table} SET result = ? WHERE key = ?",  # noqa: S608 - as above
                    [json.dumps(result), request.idempotency_key],
                )
            _commit(database)
        return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)


@contextmanager
def _transaction(request: ConnectorRequest, *, reading: bool) -> Iterator[sqlite3.Connection]:
    """The file in one transaction, rolled back unless it was committed; ended at the deadline."""
    limit_s = min(float(statements.timeout_of(request.config)), request.deadline_s)
    ends_at = time.monotonic() + limit_s
    mode = "ro" if reading else "rw"
    try:
        opened = sqlite3.connect(
            f"file:{quote(_file(request))}?mode={mode}", uri=True, timeout=limit_s,
            isolation_level=None,
        )  # fmt: skip
    except sqlite3.Error as error:
        raise OutsideError(
            "connect", True, False, detail="The database's file cannot be opened."
        ) from error
    with closing(opened) as database:
        database.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS)
        database.execute("BEGIN" if reading else "BEGIN IMMEDIATE")
        database.set_authorizer(_may)
        yield database


def _may(action: int, first: str | None, second: str | None, *_: Any) -> int:
    is_bad = action in FORBIDDEN or (
        action == sqlite3.SQLITE_FUNCTION and second == "load_extension"
    )
    return sqlite3.SQLITE_DENY if is_bad else sqlite3.SQLITE_OK


def _file(request: ConnectorRequest) -> str:
    """The file of the connection; raises OutsideError for one outside of the folder."""
    secret = request.secret
    parts = urlsplit(secret.value) if secret is not None and secret.kind == "dsn" else None
    folder = settings.SQLITE_DIR.resolve()
    name = unquote(parts.path).lstrip("/") if parts and parts.scheme == "sqlite" else ""
    path = (folder / name.replace("\0", "")).resolve()
    if not name or "\0" in name or not path.is_relative_to(folder) or path == folder:
        raise OutsideError(
            "wrong_connection", True, False,
            detail="The tool needs a connection of kind dsn: sqlite:///name.db, of a file in "
            "COUNTERSIGN_SQLITE_DIR.",
        )  # fmt: skip
    return str(path)


def _call(request: ConnectorRequest, field: str) -> tuple[str, dict[str, Any]]:
    values = {
        name: json.dumps(value) if isinstance(value, (dict, list)) else value
        for name, value in request.rendered["values"].items()
    }
    return Statement(request.rendered[field], ()).bound(":{name}"), values


def _shown(database: sqlite3.Connection, request: ConnectorRequest) -> dict[str, Any]:
    if "show" not in request.rendered:
        return {}
    return _rows(database.execute(*_call(request, "show")), request.rendered["max_rows"])


def _changed(database: sqlite3.Connection, request: ConnectorRequest) -> tuple[int, dict[str, Any]]:
    """How many rows the statement changed, and those it returns; raises OutsideError."""
    statements.assert_counted(request.rendered)
    before = database.total_changes
    cursor = database.execute(*_call(request, "sql"))
    # The count is known once all that is returned has been read.
    returned = cursor.fetchall()
    # Not the driver's: of a statement that begins with WITH it counts none.
    count = database.execute("SELECT changes()").fetchone()[0]
    count = 0 if database.total_changes == before else count
    if not cursor.description:
        return count, {}
    columns = [column[0] for column in cursor.description]
    most = request.rendered["max_rows"]
    return count, statements.readable(returned, columns, most=most)


def _rows(cursor: sqlite3.Cursor, most: int) -> dict[str, Any]:
    columns = [column[0] for column in cursor.description or ()]
    return statements.readable(cursor, columns, most=most)


def _remembered(database: sqlite3.Connection, request: ConnectorRequest) -> Outcome | None:
    table = request.rendered["ledger"]
    row = database.execute(
        f"SELECT result FROM {table} WHERE key = ?",  # noqa: S608 - a checked plain name
        [request.idempotency_key],
    ).fetchone()
    if row is None:
        return None
    return Outcome(OutcomeStatus.SUCCEEDED, result=json.loads(row[0]), may_have_happened=True)


def _commit(database: sqlite3.Connection) -> None:
    try:
        database.execute("COMMIT")
    except sqlite3.Error as error:
        # The lower byte is the kind of error, the rest says more about it.
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in NOT_COMMITTED:
            raise
        raise Lost(f"The commit broke off ({error}): look into the database.") from error


def _words(error: Exception) -> str:
    return f"The database refused: {error}"
