"""The statements on PostgreSQL: on a connection of the event loop, and on one of Django's."""

import uuid
from typing import Any

import psycopg
from psycopg.pq.abc import PGresult

from webhooks.ingest.arrival import Arrival
from webhooks.ingest.libpq import Line
from webhooks.ingest.statements import Find, Insert, Postgres, Row, are_mostly_known, storing

POOL_OPTIONS = {"pool", "assume_role", "isolation_level", "server_side_binding"}


class PostgresStore:
    """Connections that are kept open: as many as batches are committed at the same time."""

    def __init__(self, database: dict[str, Any]) -> None:
        self.arguments = connection_arguments(database)
        self._idle: list[Line] = []
        self.looks_first = False

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch; a deadlock or a lost connection repeats it once."""
        try:
            await self._commit(batch)
        except psycopg.OperationalError:
            await self._commit(batch)

    async def _commit(self, batch: list[Arrival]) -> None:
        line = await self._line()
        steps = storing(batch, looks_first=self.looks_first)
        try:
            step = next(steps)
            while True:
                step = steps.send(await _run(line, step))
        except StopIteration:
            self.looks_first = are_mostly_known(batch)
        finally:
            if not line.is_closed:
                self._idle.append(line)

    async def _line(self) -> Line:
        while self._idle:
            if not (line := self._idle.pop()).is_closed:
                return line
        return await Line.opened(self.arguments)

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()


async def _run(line: Line, step: Insert | Find) -> Any:
    count = len(step.arrivals)
    if isinstance(step, Insert):
        values = Postgres.encoded(step.arrivals, step.status)
        result = await line.execute(Postgres.insert(count, step.status), values)
        return result.command_tuples
    result = await line.execute(Postgres.find(count), Postgres.encoded_keys(step.arrivals))
    return [_found(result, row) for row in range(result.ntuples)]


def _found(result: PGresult, row: int) -> Row:
    """A row of `find`: the source, the event's id, and the id of its row."""
    source, event_id, key = (result.get_value(row, column) or b"" for column in range(3))
    return source.hex(), event_id.decode(), uuid.UUID(bytes=key)


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
