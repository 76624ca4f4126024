"""The process that commits to SQLite: what it is given is stored whole, whatever becomes of it."""

import asyncio
import hashlib
import os
import select
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Length

from gateway.lib.packing import packed
from tests.factories.webhooks import SourceFactory
from tests.webhooks.ingest.test_stores import arrival
from webhooks.ingest import stores, writer
from webhooks.ingest.arrival import Arrival, Outcome
from webhooks.ingest.bell import Bell
from webhooks.ingest.group import Group
from webhooks.ingest.sources import Entry, entry_of
from webhooks.ingest.stores import SqliteStore
from webhooks.models import Event

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL is its own process"),
]
WITHIN_S = 20


@pytest.fixture
def entry() -> Entry:
    return entry_of(SourceFactory())


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    made = SqliteStore(str(connection.settings_dict["NAME"]))
    yield made
    asyncio.run(made.close())


def commit(store: SqliteStore, *batches: list[Arrival]) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(store.commit(batch) for batch in batches))

    asyncio.run(asyncio.wait_for(all_at_once(), WITHIN_S))


def process(store: SqliteStore) -> stores.Writer:
    assert store._writer is not None
    return store._writer


def test_bodies_of_every_length_arrive_as_they_were(store, entry):
    edges = [writer.LARGE_BYTES, 256 * 1024, 1024 * 1024]
    lengths = [0, 1, *(edge + more for edge in edges for more in (-1, 0, 1))]
    batch = [arrival(entry, f"msg_{n}", body=os.urandom(n)) for n in lengths]
    commit(store, batch)
    stored = {event.event_id: bytes(event.body) for event in Event.objects.all()}
    assert stored == {one.event_id: one.body for one in batch}


@pytest.mark.parametrize("length", [0, 1, 700, writer.LARGE_BYTES, 20_000, 100_000])
def test_bodies_are_packed_and_digested_on_the_other_side(store, entry, length):
    body = b"x" * length
    commit(store, [arrival(entry, "msg_1", body=body, known_sha256="")])
    event = Event.objects.get()
    assert event.body_sha256 == hashlib.sha256(body).hexdigest()
    kept = Event.objects.annotate(kept=Length("body")).values_list("kept", flat=True)
    assert list(kept) == [len(packed(body))]


def test_digest_that_is_known_is_taken_over(store, entry):
    commit(store, [arrival(entry, "msg_1", known_sha256="a" * 64)])
    assert Event.objects.get().body_sha256 == "a" * 64


def test_batches_under_way_together_get_each_its_own_answer(store, entry):
    commit(store, [arrival(entry, "known")])
    batches = [
        [arrival(entry, f"{number}-{n}", body=os.urandom(40_000)) for n in range(number)]
        + [arrival(entry, "known")]
        for number in range(12)
    ]
    commit(store, *batches)
    for number, batch in enumerate(batches):
        outcomes = [one.outcome for one in batch]
        assert outcomes == [Outcome.ACCEPTED] * number + [Outcome.DUPLICATE]
    assert Event.objects.count() == 1 + sum(range(12))


def test_a_writer_that_was_killed_is_replaced_and_the_batch_is_stored(store, entry):
    commit(store, [arrival(entry, "a")])
    first = process(store)
    first.process.kill()
    batches = [[arrival(entry, "b")], [arrival(entry, "c")], [arrival(entry, "a")]]
    commit(store, *batches)
    assert process(store) is not first
    assert [batch[0].outcome for batch in batches] == [
        Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.DUPLICATE,
    ]  # fmt: skip


def test_a_commit_that_is_given_up_disturbs_no_later_one(store, entry):
    commit(store, [arrival(entry, "a")])

    async def give_up() -> None:
        task = asyncio.ensure_future(store.commit([arrival(entry, "b")]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    after = arrival(entry, "c")
    commit(store, [after])
    assert after.outcome is Outcome.ACCEPTED


def test_answer_to_a_commit_that_is_given_up_is_not_taken_for_the_next_ones(store, entry):
    first, same = arrival(entry, "a"), arrival(entry, "a")
    commit(store, [arrival(entry, "before")])

    async def give_up() -> None:
        asked = asyncio.ensure_future(store.commit([first]))
        waiting = asyncio.ensure_future(store.commit([same]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # both were sent
        select.select([process(store).line], [], [], WITHIN_S)  # and the first is answered
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await waiting

    asyncio.run(give_up())
    assert same.outcome is Outcome.DUPLICATE


def test_it_waits_for_whoever_keeps_the_database_from_being_opened(tmp_path):
    path = str(tmp_path / "new.sqlite3")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        ends = threading.Timer(0.2, other.execute, ["COMMIT"])
        ends.start()
        opened: dict[int, sqlite3.Connection] = {}
        assert writer._executed(opened, path, "INSERT INTO t VALUES (?)", [1]) == (1, None)
        ends.join()
        opened[writer.CACHED_STATEMENTS].close()


def test_what_the_database_says_is_raised_here(tmp_path, entry):
    store = SqliteStore(str(tmp_path / "no folder" / "db"))
    with pytest.raises(stores.sqlite3.OperationalError, match="unable to open"):
        commit(store, [arrival(entry, "a")])
    asyncio.run(store.close())


def test_a_value_that_no_database_takes_costs_no_other_event(store, entry):
    batch = [arrival(entry, name) for name in ("a", "b", "c")]
    batch[1].event_type = "\ud800"
    group = Group(store, Bell())

    async def deliver() -> None:
        await asyncio.gather(*(group.store_one(one) for one in batch))

    asyncio.run(asyncio.wait_for(deliver(), WITHIN_S))
    assert [one.outcome for one in batch] == [Outcome.ACCEPTED, None, Outcome.ACCEPTED]
    assert set(Event.objects.values_list("event_id", flat=True)) == {"a", "c"}


def test_it_waits_for_another_writer_and_is_not_stopped_by_what_stops_the_intake(store, entry):
    commit(store, [arrival(entry, "a")])
    late = arrival(entry, "b")

    async def wait() -> None:
        with closing(writer.open_sqlite(store.path)) as other:
            other.execute("BEGIN IMMEDIATE")
            task = asyncio.ensure_future(store.commit([late]))
            for number in (signal.SIGINT, signal.SIGTERM):
                process(store).process.send_signal(number)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(task), 0.1)
            other.execute("ROLLBACK")
            await asyncio.wait_for(task, WITHIN_S)

    asyncio.run(wait())
    assert late.outcome is Outcome.ACCEPTED


def test_it_keeps_no_bodies_of_batches_that_were_committed(store, entry):
    commit(store, [arrival(entry, "first")])
    before = resident_kb(process(store))
    for size in range(1, 101):
        commit(store, [arrival(entry, f"{size}-{n}", body=os.urandom(4096)) for n in range(size)])
    assert Event.objects.count() == 1 + 100 * 101 // 2
    assert resident_kb(process(store)) - before < 12 * 1024


def resident_kb(made: stores.Writer) -> int:
    """The memory that its process has now."""
    status = Path(f"/proc/{made.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def test_it_ends_when_the_intake_is_gone(store, entry):
    commit(store, [arrival(entry, "a")])
    process(store).line.close()
    assert process(store).process.wait(WITHIN_S) == 0
