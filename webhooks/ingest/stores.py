"""Ways to run the statements: PostgreSQL in the event loop, SQLite in a thread, Django's own.

Each takes a batch and returns once it is committed, every arrival with its outcome.
"""

import asyncio
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import psycopg
from django.conf import settings
from django.db import connection, transaction

from webhooks.ingest.arrival import Arrival
from webhooks.ingest.statements import MAX_ROWS, Find, Insert, Postgres, Sqlite, storing

BUSY_S = 5.0
# SQLite's own waiting grows to 100 ms a try, so that whoever asks more often starves the others.
# Senders wait for this one, workers wait for nobody: it asks most often.
BUSY_PAUSE_S = 0.001
POOL_OPTIONS = {"pool", "assume_role", "isolation_level", "server_side_binding"}


class Store(Protocol):
    """Commits batches; one at a time."""

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch durably; each arrival gets its outcome. Raises what the driver does."""
        ...


def make_store() -> Store:
    """The store for the configured database."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        return SqliteStore(str(database["NAME"]))
    return PostgresStore(database)


class PostgresStore:
    """psycopg's asyncio connection, kept open: raw parameters, binary, prepared at once."""

    def __init__(self, database: dict[str, Any]) -> None:
        self.arguments = connection_arguments(database)
        self.connection: psycopg.AsyncConnection[Any] | None = None

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch; a deadlock or a lost connection repeats it once."""
        try:
            await self._commit(batch)
        except psycopg.OperationalError:
            await self._commit(batch)

    async def _commit(self, batch: list[Arrival]) -> None:
        cursor = (await self._connected()).cursor(binary=True)
        steps = storing(batch)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._run(cursor, step))
        except StopIteration:
            return

    @staticmethod
    async def _run(cursor: psycopg.AsyncCursor[Any], step: Insert | Find) -> Any:
        count = len(step.arrivals)
        if isinstance(step, Insert):
            values = Postgres.values(step.arrivals, step.status)
            await cursor.execute(Postgres.insert(count, step.status).encode(), values)
            return cursor.rowcount
        await cursor.execute(Postgres.find(count).encode(), Postgres.keys(step.arrivals))
        return [(source.hex, event_id, row) for source, event_id, row in await cursor.fetchall()]

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self.connection is None or self.connection.closed:
            self.connection = await psycopg.AsyncConnection.connect(
                **self.arguments,
                autocommit=True,
                prepare_threshold=0,
                cursor_factory=psycopg.AsyncRawCursor,
            )
            self.connection.prepared_max = 2 * MAX_ROWS
        return self.connection


def connection_arguments(database: dict[str, Any]) -> dict[str, Any]:
    """What psycopg needs of Django's database settings."""
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    given = {to: database[name] for name, to in names.items() if database.get(name)}
    options = database.get("OPTIONS", {})
    return given | {name: value for name, value in options.items() if name not in POOL_OPTIONS}


class SqliteStore:
    """One thread with one connection for the process's life, fed by a queue.

    A batch is one autocommit statement: few steps mean few waits for the interpreter's lock.
    A connection opened for each request would checkpoint the log at every close.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.work: queue.SimpleQueue[tuple[list[Arrival], asyncio.Future[None]]] = (
            queue.SimpleQueue()
        )
        self.connection: sqlite3.Connection | None = None
        threading.Thread(target=self._write, name="intake-writer", daemon=True).start()

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch in the writer's thread."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.work.put((batch, done))
        await done

    def _write(self) -> None:
        while True:
            batch, done = self.work.get()
            settle: Callable[..., None] = done.set_result
            outcome: BaseException | None = None
            try:
                self._commit(batch)
            except Exception as error:  # handed to whoever waits, whatever it is
                settle, outcome = done.set_exception, error
            try:
                done.get_loop().call_soon_threadsafe(settle, outcome)
            except RuntimeError:  # the loop is closed: nobody waits any more
                continue

    def _commit(self, batch: list[Arrival]) -> None:
        if self.connection is None:
            self.connection = open_sqlite(self.path)
        give_up = time.monotonic() + BUSY_S
        while True:
            try:
                run(self.connection.execute, batch)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(BUSY_PAUSE_S)
            else:
                return


def open_sqlite(path: str) -> sqlite3.Connection:
    """A connection whose every commit is on the disk before it returns."""
    opened = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=2 * MAX_ROWS)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        opened.execute(f"PRAGMA {pragma}")
    return opened


def run(execute: Callable[..., sqlite3.Cursor], batch: list[Arrival]) -> None:
    """Run the statements on an SQLite connection."""
    steps = storing(batch)
    try:
        step = next(steps)
        while True:
            step = steps.send(_sqlite_step(execute, step))
    except StopIteration:
        return


def _sqlite_step(execute: Callable[..., sqlite3.Cursor], step: Insert | Find) -> Any:
    count = len(step.arrivals)
    if isinstance(step, Insert):
        values = Sqlite.values(step.arrivals, step.status)
        return execute(Sqlite.insert(count, step.status), values).rowcount
    rows = execute(Sqlite.find(count), Sqlite.keys(step.arrivals)).fetchall()
    return [(source, event_id, uuid.UUID(hex=row)) for source, event_id, row in rows]


def commit_by_django(batch: list[Arrival]) -> None:
    """Store the batch on Django's own connection, for a view outside the event loop."""
    with transaction.atomic():
        connection.ensure_connection()
        raw = connection.connection
        if connection.vendor == "sqlite":
            run(raw.cursor().connection.execute, batch)
        else:
            _run_by_psycopg(raw, batch)


def _run_by_psycopg(raw: psycopg.Connection[Any], batch: list[Arrival]) -> None:
    cursor = psycopg.RawCursor(raw)
    steps = storing(batch)
    try:
        step = next(steps)
        while True:
            count = len(step.arrivals)
            if isinstance(step, Insert):
                values = Postgres.values(step.arrivals, step.status)
                cursor.execute(Postgres.insert(count, step.status).encode(), values, binary=True)
                step = steps.send(cursor.rowcount)
            else:
                keys = Postgres.keys(step.arrivals)
                cursor.execute(Postgres.find(count).encode(), keys, binary=True)
                step = steps.send([(source.hex, event_id, row) for source, event_id, row in cursor])
    except StopIteration:
        return
