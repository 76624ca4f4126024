"""The hand-written SQL agrees with the model, on the database the tests run on."""

import asyncio
import time
import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models.functions import Length

from gateway.lib import ids
from gateway.lib.packing import packed
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks.ingest import statements, stores, writer
from webhooks.ingest.arrival import Arrival, Outcome
from webhooks.ingest.sources import Entry, entry_of
from webhooks.models import Event
from webhooks.states import EVENT, EventStatus

pytestmark = pytest.mark.django_db(transaction=True)
SENT_AT = 1_790_000_000


def arrival(entry: Entry, event_id: str, **changes: object) -> Arrival:
    row_id = ids.new_id()
    fields = {
        "id": row_id, "public_id": ids.encode("evt", row_id), "entry": entry,
        "secret_id": uuid.uuid4(), "event_id": event_id, "event_type": "push",
        "sent_at": SENT_AT, "headers": b"a: b\nc: \xff", "body": b"\x00\xff{}",
        "known_sha256": "a" * 64, "replay_digest": "", "correlation_id": "cor_1",
    }  # fmt: skip
    return Arrival(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def entry() -> Entry:
    return entry_of(SourceFactory())


def by_store(batch: list[Arrival], *, looks_first: bool = False) -> None:
    async def committing() -> None:
        store = stores.make_store()
        store.looks_first = looks_first
        try:
            await store.commit(batch)
        finally:
            await store.close()  # its sessions would keep the test's database from being removed

    asyncio.run(committing())


def by_store_that_looks_first(batch: list[Arrival]) -> None:
    by_store(batch, looks_first=True)


ROADS = [by_store, by_store_that_looks_first, stores.commit_by_django]


@pytest.fixture(params=ROADS, ids=["store", "store-looks-first", "django"])
def commit(request, monkeypatch):
    monkeypatch.setitem(
        stores.settings.DATABASES["default"], "NAME", connection.settings_dict["NAME"]
    )
    return request.param


def test_statement_names_every_column_of_the_model_once():
    assert sorted(statements.COLUMNS) == sorted(field.column for field in Event._meta.fields)
    assert Event._meta.db_table == statements.TABLE


def test_states_that_the_statement_writes_are_declared_starts():
    assert EVENT.starts == {EventStatus.RECEIVED, EventStatus.QUARANTINED}


def test_stored_row_is_what_the_model_would_have_stored(commit, entry):
    given = arrival(entry, "msg_1")
    commit([given])

    stored = Event.objects.get()
    made = EventFactory(source=stored.source, event_id="msg_2")
    assert given.outcome is Outcome.ACCEPTED
    assert stored.pk == given.id
    assert bytes(stored.body) == b"\x00\xff{}"
    assert bytes(stored.headers) == b"a: b\nc: \xff"
    assert stored.sent_at == datetime.fromtimestamp(SENT_AT, UTC)
    assert abs((made.received_at - stored.received_at).total_seconds()) < 60
    assert stored.due_at == stored.received_at
    assert Event.objects.due().filter(pk=stored.pk).exists()
    stored.full_clean()
    untouched = ("status", "attempts", "lost_leases", "reason", "route", "duplicates", "replays",
                 "run_id", "pruned_at", "lease_until", "replay_digest")  # fmt: skip
    for name in untouched:
        assert getattr(stored, name) == getattr(made, name), name


def test_a_body_of_some_length_is_packed_as_the_model_would(commit, entry):
    body = b'{"name":"lamp"}' * 200
    commit([arrival(entry, "msg_1", body=body)])

    assert Event.objects.get().body == body
    assert Event.objects.annotate(kept=Length("body")).get().kept == len(packed(body)) < 200


def test_absent_values_are_null(commit, entry):
    commit([arrival(entry, "msg_1", sent_at=-1)])

    stored = Event.objects.get()
    assert stored.sent_at is None
    assert stored.replay_digest is None


def test_batch_tells_new_known_repeated_and_replayed_apart(commit, entry):
    first = arrival(entry, "a", replay_digest="d" * 64)
    commit([first])
    batch = [
        arrival(entry, "a", replay_digest="e" * 64),
        arrival(entry, "b", replay_digest="d" * 64),
        arrival(entry, "c", replay_digest="f" * 64),
        arrival(entry, "c", replay_digest="f" * 64),
        arrival(entry, "d", replay_digest="f" * 64),
    ]
    commit(batch)

    assert [a.outcome for a in batch] == [
        Outcome.DUPLICATE, Outcome.QUARANTINED, Outcome.ACCEPTED, Outcome.DUPLICATE,
        Outcome.QUARANTINED,
    ]  # fmt: skip
    assert batch[0].existing == first.id
    assert batch[3].existing == batch[2].id
    held = Event.objects.filter(status=EventStatus.QUARANTINED)
    assert set(held.values_list("replay_digest", "due_at")) == {(None, None)}
    assert {name.rpartition(":")[2] for name in held.values_list("event_id", flat=True)} == {
        "b", "d",
    }  # fmt: skip


def test_second_try_recognises_what_the_first_set_apart(commit, entry):
    commit([arrival(entry, "a", replay_digest="d" * 64)])
    replayed = arrival(entry, "b", replay_digest="d" * 64)
    for _ in range(2):
        commit([replayed])
        assert (replayed.outcome, replayed.existing) == (Outcome.QUARANTINED, None)
    assert Event.objects.count() == 2


def test_second_try_after_a_lost_connection_recognises_its_own_rows(commit, entry):
    batch = [arrival(entry, "a"), arrival(entry, "b")]
    commit(batch)
    commit(batch)

    assert [a.outcome for a in batch] == [Outcome.ACCEPTED] * 2


def test_largest_batch_goes_in_at_once(commit, entry):
    batch = [arrival(entry, f"msg_{n:03}") for n in range(statements.MAX_ROWS)]
    commit(batch)

    assert {a.outcome for a in batch} == {Outcome.ACCEPTED}
    assert Event.objects.count() == statements.MAX_ROWS


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_known_events_that_keep_coming_wait_for_no_writer(entry, monkeypatch):
    monkeypatch.setitem(
        stores.settings.DATABASES["default"], "NAME", connection.settings_dict["NAME"]
    )
    store = stores.make_store()

    async def send() -> list[Outcome | None]:
        batch = [arrival(entry, name) for name in ("a", "b")]
        await store.commit(batch)
        return [a.outcome for a in batch]

    assert asyncio.run(send()) == [Outcome.ACCEPTED] * 2
    assert asyncio.run(send()) == [Outcome.DUPLICATE] * 2
    with closing(writer.open_sqlite(str(connection.settings_dict["NAME"]))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert asyncio.run(send()) == [Outcome.DUPLICATE] * 2
    asyncio.run(store.close())


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_a_closed_store_leaves_no_session_with_the_server(commit, entry):
    def sessions() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
            return cursor.fetchone()[0]

    before = sessions()
    commit([arrival(entry, "a")])
    give_up = time.monotonic() + 10
    while sessions() > before:  # the server takes a moment to see that its client has gone
        assert time.monotonic() < give_up


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_due_events_are_found_by_the_partial_index_alone():
    plan = Event.objects.due().order_by("due_at").explain()
    assert "event_due" in plan
    assert "TEMP B-TREE" not in plan
    found = "EXPLAIN QUERY PLAN " + statements.Sqlite.find(2)
    with connection.cursor() as cursor:
        raw = cursor.connection.execute(found, ["a", "b", "c", "d"]).fetchall()
    assert any("SEARCH e USING INDEX" in str(row) for row in raw), raw
