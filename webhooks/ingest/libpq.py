"""One connection to PostgreSQL for the event loop, by libpq's own asynchronous calls.

psycopg opens it and hands over its `pq` layer, the documented wrapper of libpq. Its cursors turn
every parameter by a search for its type, and wait through a new event and timer each time: as much
work as the rest of storing an event, for statements whose types never vary.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

OK = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
# uvloop stops watching a socket after an error was signalled once, and libpq may not have come to
# the error by then: who waits for an answer looks again by itself.
LOOK_S = 0.5
# A statement is not there, there already, or made for another table: what stands between us and the
# server, or somebody there, has taken our statements away.
FORGOTTEN = frozenset({"26000", "42P05", "0A000"})


class Line:
    """A connection that executes one statement at a time, each text prepared at its first use.

    It belongs to the event loop that runs when it is made.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection  # which would close what it opened, were it forgotten
        self._pq = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pq.socket
        self._names: dict[bytes, bytes] = {}
        self._formats: dict[int, list[int]] = {}
        self._answer: asyncio.Future[PGresult] | None = None
        self._last: PGresult | None = None
        self._looking: asyncio.TimerHandle | None = None
        self.is_closed = False
        self._loop.add_reader(self._socket, self._readable)

    @classmethod
    async def opened(cls, arguments: dict[str, Any]) -> "Line":
        """A new connection. Raises psycopg.OperationalError where none can be had."""
        # Texts are encoded here, and not as a setting of the server or of ours has it.
        settings = {**arguments, "client_encoding": "UTF8", "autocommit": True}
        return cls(await psycopg.AsyncConnection.connect(**settings))

    @property
    def is_waiting(self) -> bool:
        """Whether something was asked that has no answer yet."""
        return self._answer is not None

    async def execute(self, text: bytes, values: Sequence[bytes]) -> PGresult:
        """What the server answers; parameters and answer are in PostgreSQL's binary form.

        Raises psycopg.Error as the server says, OperationalError where the connection is gone.
        """
        try:
            name = await self._prepared(text)
            self._pq.send_query_prepared(name, values, self._binary(len(values)), Format.BINARY)
            return await self._answered()
        except BaseException as error:
            # It is gone, or nobody reads what still comes: the next would take it for its own.
            if not _is_answer(error):
                self.close()
            raise

    async def _prepared(self, text: bytes) -> bytes:
        """The name of this statement; there are a few hundred texts in all."""
        name = self._names.get(text)
        if name is None:
            name = b"s%d" % len(self._names)
            self._pq.send_prepare(name, text)
            await self._answered()
            self._names[text] = name
        return name

    def _binary(self, count: int) -> list[int]:
        formats = self._formats.get(count)
        if formats is None:
            formats = self._formats[count] = [Format.BINARY] * count
        return formats

    def close(self) -> None:
        """Say goodbye; may be repeated."""
        if not self.is_closed:
            self.is_closed = True
            if self._looking is not None:
                self._looking.cancel()
            for forget in (self._loop.remove_writer, self._loop.remove_reader):
                with suppress(OSError):  # libpq has closed the socket of a lost connection
                    forget(self._socket)
            self._pq.finish()

    async def _answered(self) -> PGresult:
        self._answer = self._loop.create_future()
        try:
            self._flush()
            self._look_later()
            result = await self._answer
        finally:
            self._answer = None
        if result.status not in OK:
            raise error_from_result(result)
        return result

    def _flush(self) -> None:
        if self._pq.flush():
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        try:
            if not self._pq.flush():
                self._loop.remove_writer(self._socket)
        except Exception as error:  # whoever waits hears of it, whatever it is
            self._lose(error)

    def _readable(self) -> None:
        try:
            self._pq.consume_input()
            while not self._pq.is_busy():
                result = self._pq.get_result()
                if result is None:
                    self._settle()
                    return
                self._last = result
        except Exception as error:  # as above
            self._lose(error)

    def _look_later(self) -> None:
        """One timer, however many answers come meanwhile."""
        if self._looking is None:
            self._looking = self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._looking = None
        if self.is_waiting and not self.is_closed:
            self._readable()
        if self.is_waiting and not self.is_closed:
            self._look_later()

    def _settle(self) -> None:
        last, self._last = self._last, None
        if last is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(last)

    def _lose(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            is_known = isinstance(error, psycopg.Error)
            self._answer.set_exception(error if is_known else psycopg.OperationalError(str(error)))
        self.close()


def _is_answer(error: BaseException) -> bool:
    """Whether it is what the server says of one statement, after which the next may come."""
    return (
        isinstance(error, psycopg.Error)
        and not isinstance(error, psycopg.OperationalError)
        and error.sqlstate not in FORGOTTEN
    )
