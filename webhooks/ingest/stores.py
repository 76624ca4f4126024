"""Ways to run the statements: PostgreSQL in the event loop, SQLite in a thread, Django's own.

Each takes a batch and returns once it is committed, every arrival with its outcome.
"""

import asyncio
import json
import queue
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, transaction

from webhooks.ingest.arrival import Arrival
from webhooks.ingest.statements import MAX_ROWS, Find, Insert, Sqlite, are_mostly_known, storing

BUSY_S = 5.0
# SQLite's own waiting grows to 100 ms a try, so that whoever asks more often starves the others.
# Senders wait for this one, workers wait for nobody: it asks most often.
BUSY_PAUSE_S = 0.001


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
    # Only where it is used: the driver takes 6 MB.
    from webhooks.ingest.postgres import PostgresStore  # noqa: PLC0415

    return PostgresStore(database)


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
        self.looks_first = False
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
                run(self.connection.execute, batch, looks_first=self.looks_first)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(BUSY_PAUSE_S)
            else:
                self.looks_first = are_mostly_known(batch)
                return


def open_sqlite(path: str) -> sqlite3.Connection:
    """A connection whose every commit is on the disk before it returns."""
    opened = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=2 * MAX_ROWS)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        opened.execute(f"PRAGMA {pragma}")
    return opened


def run(
    execute: Callable[..., sqlite3.Cursor], batch: list[Arrival], *, looks_first: bool = False
) -> None:
    """Run the statements on an SQLite connection."""
    steps = storing(batch, looks_first=looks_first)
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
    (found,) = execute(Sqlite.find(count), Sqlite.keys(step.arrivals)).fetchone()
    return [(source, event_id, uuid.UUID(hex=row)) for source, event_id, row in json.loads(found)]


def commit_by_django(batch: list[Arrival]) -> None:
    """Store the batch on Django's own connection, for a view outside the event loop."""
    with transaction.atomic():
        connection.ensure_connection()
        raw = connection.connection
        if connection.vendor == "sqlite":
            run(raw.cursor().connection.execute, batch)
        else:
            from webhooks.ingest import postgres  # noqa: PLC0415 - as above

            postgres.run(raw, batch)
