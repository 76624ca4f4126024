"""The statements on PostgreSQL: on a connection of the event loop, and on one of Django's."""

from typing import Any

import psycopg

from webhooks.ingest.arrival import Arrival
from webhooks.ingest.statements import MAX_ROWS, Find, Insert, Postgres, are_mostly_known, storing

POOL_OPTIONS = {"pool", "assume_role", "isolation_level", "server_side_binding"}


class PostgresStore:
    """psycopg's asyncio connections, kept open: raw parameters, binary, prepared at once.

    As many as batches are committed at the same time.
    """

    def __init__(self, database: dict[str, Any]) -> None:
        self.arguments = connection_arguments(database)
        self._idle: list[psycopg.AsyncConnection[Any]] = []
        self.looks_first = False

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch; a deadlock or a lost connection repeats it once."""
        try:
            await self._commit(batch)
        except psycopg.OperationalError:
            await self._commit(batch)

    async def _commit(self, batch: list[Arrival]) -> None:
        connection = self._idle.pop() if self._idle else await self._connected()
        cursor = connection.cursor(binary=True)
        steps = storing(batch, looks_first=self.looks_first)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._run(cursor, step))
        except StopIteration:
            self.looks_first = are_mostly_known(batch)
        finally:
            if not connection.closed:
                self._idle.append(connection)

    @staticmethod
    async def _run(cursor: psycopg.AsyncCursor[Any], step: Insert | Find) -> Any:
        count = len(step.arrivals)
        if isinstance(step, Insert):
            values = Postgres.values(step.arrivals, step.status)
            await cursor.execute(Postgres.insert(count, step.status), values)
            return cursor.rowcount
        await cursor.execute(Postgres.find(count), Postgres.keys(step.arrivals))
        return [(source.hex, event_id, row) for source, event_id, row in await cursor.fetchall()]

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().close()

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(
            **self.arguments,
            autocommit=True,
            prepare_threshold=0,
            cursor_factory=psycopg.AsyncRawCursor,
        )
        connection.prepared_max = 2 * MAX_ROWS
        return connection


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


def run(raw: psycopg.Connection[Any], batch: list[Arrival]) -> None:
    """Run the statements on a connection of Django's."""
    cursor = psycopg.RawCursor(raw)
    steps = storing(batch)
    try:
        step = next(steps)
        while True:
            count = len(step.arrivals)
            if isinstance(step, Insert):
                values = Postgres.values(step.arrivals, step.status)
                cursor.execute(Postgres.insert(count, step.status), values, binary=True)
                step = steps.send(cursor.rowcount)
            else:
                keys = Postgres.keys(step.arrivals)
                cursor.execute(Postgres.find(count), keys, binary=True)
                step = steps.send([(source.hex, event_id, row) for source, event_id, row in cursor])
    except StopIteration:
        return
