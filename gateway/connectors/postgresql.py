"""PostgreSQL: one parameterised statement in one transaction, within bounds of time and rows.

Settings: `sql`; `show` (a reading statement that shows the rows before and after, in previews);
`max_rows` (read: 100, changed: 1); `timeout_s`; `role` (taken on for the transaction, so that a
connection that may more does no more); `ledger` (of `change_once`: the table of keys, see
docs/connectors.md). Connection: `dsn`, to a host and port on the outbound allow-list.
"""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
from psycopg import sql as text
from psycopg.types.json import Json

from gateway.connectors import statements
from gateway.connectors.base import ConnectorRequest, Outcome, OutcomeStatus, Preview
from gateway.connectors.operations import found
from gateway.connectors.statements import QUERY, Statement, failed
from gateway.http.errors import OutsideError

PORT = 5432
PASSING = frozenset({
    "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P02", "57P03",
})  # fmt: skip
# What PostgreSQL raises at a COMMIT only while it has not committed: conflicts, and whatever checks
# and triggers that wait for the end say. Poolers answer in its name with any of the others.
ABORTED = frozenset({"40001", "40002", "40P01"})
ABORTED_CLASSES = ("09", "21", "22", "23", "27", "42", "44", "P0")
BOUNDS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SSL_MODES = ("require", "verify-ca", "verify-full", "disable", "prefer")
STYLE = "%({name})s"


class Lost(Exception):
    """The change had been told to stand, and no answer says whether it does: nobody knows."""


@dataclass(frozen=True)
class _Place:
    """Where a DSN leads."""

    host: str
    port: int
    options: Mapping[str, Any]


class PostgresqlConnector:
    """Statements are prepared by the server, which takes one at a time; values are never text."""

    name = "postgresql"
    operations = statements.operations("postgresql")

    def check(self, operation: str, config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        """Judge a tool's definition; raises Unknown or RenderError."""
        found(self.operations, operation, connector=self.name)
        statements.check(operation, config, schema)

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
            with _transaction(request) as cursor:
                before = _shown(cursor, request)
                count = _changed(cursor, request)
                after = _shown(cursor, request)
        except psycopg.Error as error:
            raise OutsideError("preview_failed", True, False, detail=_words(error)) from error
        most = request.rendered["max_rows"]
        after |= {"rows_changed": count} | ({"refused": True} if count > most else {})
        return Preview(before, after, (), datetime.now(UTC))

    def execute(self, request: ConnectorRequest) -> Outcome:
        """Run it once; whatever ends before the commit has changed nothing."""
        try:
            return self._read(request) if request.operation == QUERY else self._change(request)
        except OutsideError as error:
            return failed(error.reason, error.detail, retryable=not error.permanent)
        except Lost as error:
            return Outcome(
                OutcomeStatus.UNKNOWN, reason="commit_lost", error=str(error),
                may_have_happened=True, retryable=True,
            )  # fmt: skip
        except psycopg.Error as error:
            return _refused(error)

    def lookup(self, request: ConnectorRequest) -> Outcome | None:
        """What the table of keys remembers; None where the key is not in it.

        Raises OutsideError where it cannot be read.
        """
        try:
            with _transaction(request, reading=True) as cursor:
                return _remembered(cursor, request)
        except psycopg.Error as error:
            raise OutsideError("lookup_failed", False, False, detail=_words(error)) from error

    def _read(self, request: ConnectorRequest) -> Outcome:
        with _transaction(request, reading=True) as cursor:
            cursor.execute(*_call(request, "sql"))
            result = _rows(cursor, request.rendered["max_rows"])
        return Outcome(OutcomeStatus.SUCCEEDED, result=result)

    def _change(self, request: ConnectorRequest) -> Outcome:
        most = request.rendered["max_rows"]
        with _transaction(request) as cursor:
            if request.rendered.get("ledger") and not _is_first(cursor, request):
                known = _remembered(cursor, request)
                return known or failed("key_vanished", "The key was there and is gone.")
            count = _changed(cursor, request)
            if count > most:
                return statements.too_many(count, most)
            result = {"rows_changed": count}
            if cursor.description:
                result |= _rows(cursor, most)
            if request.rendered.get("ledger"):
                _remember(cursor, request, result)
            _commit(cursor.connection)
        return Outcome(OutcomeStatus.SUCCEEDED, result=result, may_have_happened=True)


@contextmanager
def _transaction(
    request: ConnectorRequest, *, reading: bool = False
) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor in one transaction, rolled back unless it was committed; cut off at the deadline."""
    ends_at = time.monotonic() + request.deadline_s
    connection = _connected(request, ends_at, reading=reading)
    watch = threading.Timer(ends_at - time.monotonic(), _cut, [connection])
    watch.start()
    try:
        with connection.cursor() as cursor:
            if _bounded(cursor, request, ends_at):
                raise OutsideError(
                    "superuser_refused", True, False,
                    detail="The connection is a superuser's: give it a role of its own.",
                )  # fmt: skip
            if role := request.rendered.get("role"):
                cursor.execute(text.SQL("SET LOCAL ROLE {}").format(text.Identifier(role)))
            yield cursor
    finally:
        watch.cancel()
        connection.close()


def _bounded(cursor: psycopg.Cursor[Any], request: ConnectorRequest, ends_at: float) -> bool:
    """Whether the user is a superuser; sets the transaction's bounds with the same question.

    Not as options of the connection: poolers drop those, or refuse them.
    """
    left_s = ends_at - time.monotonic()
    limit_ms = int(min(statements.timeout_of(request.config), left_s) * 1000)
    bounds = ", ".join(f"set_config('{name}', %(limit)s, true)" for name in BOUNDS)
    cursor.execute(
        f"SELECT current_setting('is_superuser'), {bounds}",  # noqa: S608 - names of our own
        {"limit": str(max(1, limit_ms))},
    )
    row = cursor.fetchone()
    return row is None or row[0] == "on"


def _connected(
    request: ConnectorRequest, ends_at: float, *, reading: bool
) -> psycopg.Connection[Any]:
    place = _place(request)
    addresses = request.client.addresses(
        place.host, place.port, within_s=ends_at - time.monotonic()
    )
    try:
        connection = psycopg.connect(
            host=place.host, hostaddr=addresses[0], port=place.port, **place.options,
            connect_timeout=max(2, int(min(10, ends_at - time.monotonic()))),
            application_name="countersign", passfile="/dev/null",
        )  # fmt: skip
    except psycopg.Error as error:
        is_final = "authentication failed" in str(error) or "does not exist" in str(error)
        detail = f"{place.host}:{place.port} does not take the connection"
        raise OutsideError(
            "credential_refused" if is_final else "connect", is_final, False,
            detail=f"{detail}: user, password or database are refused." if is_final
            else f"{detail} now.",
        ) from error  # fmt: skip
    # It goes with the BEGIN.
    connection.read_only = reading
    return connection


def _place(request: ConnectorRequest) -> _Place:
    """Host, port and what logs in; raises OutsideError, without the address, which is secret."""
    secret = request.secret
    parts = urlsplit(secret.value) if secret is not None and secret.kind == "dsn" else None
    if parts is None or parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise OutsideError(
            "wrong_connection", True, False,
            detail="The tool needs a connection of kind dsn: postgresql://user:password@host/name.",
        )  # fmt: skip
    query = parse_qs(parts.query)
    mode = query.pop("sslmode", ["require"])[-1]
    if query or mode not in SSL_MODES:
        raise OutsideError(
            "wrong_connection", True, False, detail="The DSN may have sslmode, and nothing else."
        )
    options = {
        "user": unquote(parts.username or ""), "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.lstrip("/")), "sslmode": mode,
    }  # fmt: skip
    return _Place(parts.hostname, parts.port or PORT, options)


def _cut(connection: psycopg.Connection[Any]) -> None:
    """End a call that neither side ends: a server that is stopped keeps its connection open."""
    try:
        with socket.socket(fileno=socket.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error):
        return


def _call(request: ConnectorRequest, field: str) -> tuple[Any, dict[str, Any]]:
    one = Statement(request.rendered[field], ())
    values = {
        name: Json(value) if isinstance(value, (dict, list)) else value
        for name, value in request.rendered["values"].items()
    }
    return one.bound(STYLE), values


def _changed(cursor: psycopg.Cursor[Any], request: ConnectorRequest) -> int:
    """How many rows the statement changed; raises OutsideError where that is not counted."""
    statements.assert_counted(request.rendered)
    cursor.execute(*_call(request, "sql"))
    # The server's own word on what ran: its tag begins with the main command.
    tag = (cursor.statusmessage or "").lower()
    if not tag.startswith(statements.CHANGING):
        raise statements.refused(statements.NO_CHANGE)
    return cursor.rowcount


def _shown(cursor: psycopg.Cursor[Any], request: ConnectorRequest) -> dict[str, Any]:
    if "show" not in request.rendered:
        return {}
    cursor.execute(*_call(request, "show"))
    return _rows(cursor, request.rendered["max_rows"])


def _rows(cursor: psycopg.Cursor[Any], most: int) -> dict[str, Any]:
    columns = [column.name for column in cursor.description or ()]
    return statements.readable(cursor, columns, most=most)


def _ledger(request: ConnectorRequest) -> text.Identifier:
    return text.Identifier(*str(request.rendered["ledger"]).split("."))


def _is_first(cursor: psycopg.Cursor[Any], request: ConnectorRequest) -> bool:
    """Take the key; waits for another attempt that holds it, and is false once that has ended."""
    cursor.execute(
        text.SQL("INSERT INTO {} (key) VALUES (%s) ON CONFLICT (key) DO NOTHING").format(
            _ledger(request)
        ),
        [request.idempotency_key],
    )
    return cursor.rowcount == 1


def _remember(
    cursor: psycopg.Cursor[Any], request: ConnectorRequest, result: dict[str, Any]
) -> None:
    cursor.execute(
        text.SQL("UPDATE {} SET result = %s WHERE key = %s").format(_ledger(request)),
        [Json(result), request.idempotency_key],
    )


def _remembered(cursor: psycopg.Cursor[Any], request: ConnectorRequest) -> Outcome | None:
    cursor.execute(
        text.SQL("SELECT result FROM {} WHERE key = %s").format(_ledger(request)),
        [request.idempotency_key],
    )
    row = cursor.fetchone()
    if row is None:
        return None
    return Outcome(OutcomeStatus.SUCCEEDED, result=statements.plain(row[0]), may_have_happened=True)


def _commit(connection: psycopg.Connection[Any]) -> None:
    try:
        connection.commit()
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state in ABORTED or state.startswith(ABORTED_CLASSES):
            raise  # A deferred constraint, say. Nothing stands.
        cause = f"An error ({state}) came" if state else "The connection broke"
        raise Lost(f"{cause} during the commit: look into the database.") from error


def _refused(error: psycopg.Error) -> Outcome:
    is_passing = error.sqlstate is None or error.sqlstate in PASSING
    reason = f"sqlstate_{error.sqlstate}" if error.sqlstate else "network"
    return failed(reason, _words(error), retryable=is_passing)


def _words(error: psycopg.Error) -> str:
    """What the server says, without the values that its details repeat."""
    told = error.diag.message_primary or "The connection broke before anything was committed."
    return f"The database refused: {told}" if error.sqlstate else told
