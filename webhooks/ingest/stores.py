"""Ways to run the statements: PostgreSQL's and SQLite's for the event loop, Django's own.

Each takes a batch and returns once it is committed, every arrival with its outcome.
"""

import asyncio
import json
import marshal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, transaction

from gateway.lib.packing import packed
from webhooks.ingest import writer
from webhooks.ingest.arrival import Arrival
from webhooks.ingest.statements import MAX_ROWS, Find, Insert, Sqlite, are_mostly_known, storing

ANSWER_BYTES = 64 * 1024
# What it commits may have to wait for others.
ENDS_WITHIN_S = 2 * writer.BUSY_S


class Store(Protocol):
    """Commits batches; several may be under way."""

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch durably; each arrival gets its outcome. Raises what the driver does."""
        ...

    async def close(self) -> None:
        """Leave nothing open; called once nothing is under way."""


def make_store() -> Store:
    """The store for the configured database."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        return SqliteStore(str(database["NAME"]))
    # Only where it is used: the driver takes 6 MB.
    from webhooks.ingest.postgres import PostgresStore  # noqa: PLC0415

    return PostgresStore(database)


class SqliteStore:
    """A process with one connection, which commits one statement a batch; see `writer`.

    It is started with the first batch, and anew where it is gone.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.looks_first = False
        self._writer: Writer | None = None

    async def commit(self, batch: list[Arrival]) -> None:
        """Store the batch; a writer that is lost is started again once."""
        try:
            await self._commit(batch)
        except ConnectionError:
            await self._commit(batch)

    async def _commit(self, batch: list[Arrival]) -> None:
        if self._writer is None or self._writer.is_closed:
            self._writer = Writer(self.path)
        steps = storing(batch, looks_first=self.looks_first)
        try:
            step = next(steps)
            while True:
                step = steps.send(_read(step, *await self._writer.execute(*_statement(step))))
        except StopIteration:
            self.looks_first = are_mostly_known(batch)

    async def close(self) -> None:
        """End the writer, once it has committed what it is at."""
        if self._writer is not None:
            self._writer.hang_up()
            await asyncio.to_thread(self._writer.wait)


class Writer:
    """The other end of the writing process."""

    def __init__(self, path: str) -> None:
        self.line, theirs = socket.socketpair()
        with theirs:
            # Most batches fit, where the system allows so much: sent in one go, not read before.
            self.line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_ROWS * 4096)
            self.line.setblocking(False)
            self.process = subprocess.Popen(  # noqa: S603 - a file of ours, and our own setting
                # Without Django and `site`: it starts within a blink, and stays small.
                [
                    sys.executable, "-I", "-S", writer.__file__, str(theirs.fileno()), path,
                    str(settings.BASE_DIR), *sys.path,
                ],
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
            )  # fmt: skip
        self.is_closed = False
        # Answers come in the order of the questions, which are sent whole.
        self._sending, self._reading = asyncio.Lock(), asyncio.Lock()
        self._heard = b""
        self._numbers: dict[str, int] = {}

    async def execute(
        self, text: str, values: list[Any], bodies: tuple[int, ...] = ()
    ) -> tuple[int, Any]:
        """Execute one statement, committed when this returns: the count of rows, the first row.

        `bodies` are the places of values that are packed there first; see `writer.keep`.
        Raises what sqlite3 did there, ValueError for values that it does not take, ConnectionError
        where the process is gone.
        """
        try:
            answer = await self._ask(text, values, bodies)
        except BaseException:
            # Broken off between question and answer: the next would read this one's.
            self.hang_up()
            raise
        if isinstance(answer[0], str):
            raise getattr(sqlite3, answer[0], ValueError)(answer[1])
        return answer

    async def _ask(self, text: str, values: list[Any], bodies: tuple[int, ...]) -> Any:
        loop = asyncio.get_running_loop()
        async with self._sending:
            number = self._numbers.get(text)
            if number is None:
                self._numbers[text] = len(self._numbers)
                pieces = writer.request(self._numbers[text], text, values, bodies)
            else:
                pieces = writer.request(number, None, values, bodies)
            for piece in self._unsent(pieces):
                await loop.sock_sendall(self.line, piece)
        async with self._reading:
            return await self._answer(loop)

    def _unsent(self, pieces: list[bytes]) -> list[bytes]:
        """What is left after as much was sent as the socket takes at once.

        Sent together without being joined: the copy cost as much as packing (docs/decisions.md).
        A batch has far fewer pieces than one call takes (`IOV_MAX`, 1024): two a row at most.
        """
        try:
            sent = self.line.sendmsg(pieces)
        except BlockingIOError:
            return pieces
        for place, piece in enumerate(pieces):
            if sent < len(piece):
                return [piece[sent:], *pieces[place + 1 :]]
            sent -= len(piece)
        return []

    async def _answer(self, loop: asyncio.AbstractEventLoop) -> Any:
        if self.is_closed:
            # Whoever asked before gave up: what still comes is, or may be, their answer.
            raise ConnectionResetError("The process that commits to SQLite was hung up on.")
        while len(self._heard) < _whole(self._heard):
            more = await loop.sock_recv(self.line, ANSWER_BYTES)
            if not more:
                raise ConnectionResetError("The process that commits to SQLite is gone.")
            self._heard += more
        end = _whole(self._heard)
        answer, self._heard = self._heard[writer.LENGTH.size : end], self._heard[end:]
        return marshal.loads(answer)  # noqa: S302 - our own process

    def hang_up(self) -> None:
        """Let the process end once it has committed what it is at; who waits hears of it."""
        if not self.is_closed:
            self.is_closed = True
            with suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)
            # Somebody has to take note of its end; it may still have to wait for the database.
            threading.Thread(target=self.process.wait, daemon=True).start()

    def wait(self) -> None:
        """Until the process has ended."""
        self.process.wait(ENDS_WITHIN_S)
        self.line.close()


def _whole(heard: bytes) -> int:
    """How long the first answer is with its length in front; more than is there until that is."""
    size = writer.LENGTH.size
    return size + writer.LENGTH.unpack(heard[:size])[0] if len(heard) > size else size + 1


def _statement(step: Insert | Find) -> tuple[str, list[Any], tuple[int, ...]]:
    count = len(step.arrivals)
    if isinstance(step, Insert):
        values = Sqlite.values(step.arrivals, step.status)
        return Sqlite.insert(count, step.status), values, Sqlite.bodies(count)
    return Sqlite.find(count), Sqlite.keys(step.arrivals), ()


def _read(step: Insert | Find, count: int, row: Any) -> Any:
    if isinstance(step, Insert):
        return count
    return [(source, event_id, uuid.UUID(hex=key)) for source, event_id, key in json.loads(row[0])]


def run(execute: Callable[..., sqlite3.Cursor], batch: list[Arrival]) -> None:
    """Run the statements on an SQLite connection of Django's."""
    steps = storing(batch)
    try:
        step = next(steps)
        while True:
            text, values, bodies = _statement(step)
            writer.keep(values, bodies, packed)
            cursor = execute(text, values)
            row = cursor.fetchone() if cursor.description else None
            step = steps.send(_read(step, cursor.rowcount, row))
    except StopIteration:
        return


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
