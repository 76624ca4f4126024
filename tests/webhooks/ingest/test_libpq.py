"""A connection of the event loop speaks to a real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
import uvloop
from django.db import connection

from webhooks.ingest.libpq import Line
from webhooks.ingest.postgres import connection_arguments

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's protocol"),
]
LENGTH = b"SELECT length($1::bytea)"
# More than a socket takes before somebody reads.
LARGE = 32 * 1024 * 1024


Work = Callable[[Line], Awaitable[Any]]
# The intake's loop, and daphne's.
LOOPS = {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}


@pytest.fixture(params=LOOPS)
def on_a_line(request) -> Callable[[Work], Any]:
    async def working(work: Work, **options: str) -> Any:
        arguments = connection_arguments(connection.settings_dict) | options
        line = await Line.opened(arguments)
        try:
            return await work(line)
        finally:
            line.close()

    def run(work: Work, **options: str) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(asyncio.wait_for(working(work, **options), 60))

    return run


async def ask_on(line: Line) -> None:
    while True:
        await length(line, b"x" * 4_000_000)


def end(pid: int) -> None:
    with psycopg.connect(**connection_arguments(connection.settings_dict)) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])


async def length(line: Line, value: bytes) -> int:
    result = await line.execute(LENGTH, [value])
    return int.from_bytes(result.get_value(0, 0) or b"", "big")


async def backend(line: Line) -> int:
    result = await line.execute(b"SELECT pg_backend_pid()", [])
    return int.from_bytes(result.get_value(0, 0) or b"", "big")


def test_what_is_larger_than_the_socket_takes_arrives_whole(on_a_line):
    async def work(line: Line) -> list[int]:
        return [await length(line, b"x" * size) for size in (0, 1, LARGE, 5)]

    assert on_a_line(work) == [0, 1, LARGE, 5]


def test_a_statement_is_prepared_once(on_a_line):
    async def work(line: Line) -> bytes | None:
        for _ in range(3):
            await length(line, b"x")
        result = await line.execute(b"SELECT count(*)::text FROM pg_prepared_statements", [])
        return result.get_value(0, 0)

    assert on_a_line(work) == b"2"  # and this question itself


def test_an_error_of_the_server_is_raised_and_the_connection_goes_on(on_a_line):
    async def work(line: Line) -> int:
        for text, error in (
            (b"SELECT nothing", psycopg.errors.UndefinedColumn),
            (b"SELECT 1/length($1::bytea)", psycopg.errors.DivisionByZero),
        ):
            with pytest.raises(error):
                await line.execute(text, [b""] if b"$1" in text else [])
        assert not line.is_closed
        return await length(line, b"abc")

    assert on_a_line(work) == 3


def test_a_connection_that_the_server_ended_says_so_and_is_closed(on_a_line):
    async def work(line: Line) -> bool:
        pid = await backend(line)
        end(pid)
        with pytest.raises(psycopg.OperationalError):
            await length(line, b"x")
        return line.is_closed

    assert on_a_line(work)


def test_an_idle_connection_that_the_server_ended_is_closed_by_itself(on_a_line):
    async def work(line: Line) -> None:
        pid = await backend(line)
        end(pid)
        while not line.is_closed:
            await asyncio.sleep(0)

    on_a_line(work)


def test_who_is_broken_off_leaves_no_answer_for_the_next(on_a_line):
    async def work(line: Line) -> bool:
        asked = asyncio.ensure_future(line.execute(b"SELECT pg_sleep(30)", []))
        while not line.is_waiting:
            await asyncio.sleep(0)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        return line.is_closed

    assert on_a_line(work)


def test_who_was_still_sending_hears_that_the_server_is_gone(on_a_line):
    async def work(line: Line) -> bool:
        pid = await backend(line)
        os.kill(pid, signal.SIGSTOP)  # it reads no more, so a part of the value has to wait
        try:
            asked = asyncio.ensure_future(length(line, b"x" * LARGE))
            while not line.is_waiting:
                await asyncio.sleep(0)
            end(pid)
        finally:
            os.kill(pid, signal.SIGCONT)
        with pytest.raises(psycopg.OperationalError):
            await asked
        return line.is_closed

    for _ in range(5):
        assert on_a_line(work)


def test_lines_that_are_asked_while_their_server_ends_all_hear_of_it(on_a_line):
    async def work(line: Line) -> bool:
        pid = await backend(line)
        ended = asyncio.ensure_future(asyncio.to_thread(end, pid))
        with pytest.raises(psycopg.OperationalError):
            await ask_on(line)
        await ended
        return line.is_closed

    for _ in range(10):
        assert on_a_line(work)


def test_texts_are_utf8_whatever_the_connection_is_set_to(on_a_line):
    async def work(line: Line) -> int:
        result = await line.execute(b"SELECT length($1::text)", ["é".encode()])
        return int.from_bytes(result.get_value(0, 0) or b"", "big")

    assert on_a_line(work, client_encoding="LATIN1") == 1


def test_a_statement_that_was_taken_away_costs_the_connection(on_a_line):
    async def work(line: Line) -> bool:
        await length(line, b"x")
        await line.execute(b"DEALLOCATE ALL", [])
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            await length(line, b"x")
        return line.is_closed

    assert on_a_line(work)
