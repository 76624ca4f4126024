"""When the database is away or the queue is down: 503 before, never after an acceptance."""

import asyncio
import json
import threading
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories.webhooks import EventFactory, SourceFactory
from tests.webhooks.ingest.serving import Sender, started
from webhooks.ingest import Intake
from webhooks.ingest import app as intake_app
from webhooks.ingest import group as grouping
from webhooks.ingest import tally as tallying
from webhooks.ingest.tally import Tally, try_write
from webhooks.models import Event, Refusal

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_locked_database_is_answered_503_and_nothing_is_stored(uvicorn, make_source, monkeypatch):
    source, secret = make_source()
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        assert sender.send().status_code == 202
        with connection.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                answer = sender.send(event_id="late")
            finally:
                cursor.execute("ROLLBACK")

        assert (answer.status_code, answer.json()) == (503, {"error": "unavailable"})
        assert answer.headers["retry-after"] == "5"
        assert sender.send(event_id="late").json()["status"] == "accepted"
    assert Event.objects.count() == 2


def test_database_that_cannot_be_reached_refuses_nobody_for_good(make_source):
    source, secret = make_source()
    nowhere = "sqlite:////nonexistent/nowhere.sqlite3"
    with started("uvicorn", DATABASE_URL=nowhere) as server, server.client() as client:
        sender = Sender(source, secret, client)
        answers = [sender.send(), sender.send(path="/webhooks/in_" + "0" * 26)]

    assert [answer.status_code for answer in answers] == [503, 503]


def call(intake: Intake, path: str) -> dict[str, Any]:
    """One request in this process."""
    sent: list[Any] = []

    async def run() -> None:
        scope = {
            "type": "http", "method": "POST", "path": path, "client": ("127.0.0.1", 1),
            "headers": [(b"content-type", b"application/json")],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"{}"}

        async def send(message: Any) -> None:
            sent.append(message)

        await intake(scope, receive, send)
        await asyncio.sleep(0)

    asyncio.run(run())
    return {"status": sent[0]["status"], **json.loads(sent[1]["body"])}


def test_database_that_gives_no_connection_is_answered_503_before_senders_give_up(monkeypatch):
    monkeypatch.setattr(intake_app, "READ_WITHIN_S", 0.05)
    intake, over = Intake(), threading.Event()
    # The one thread that reads the sources waits, as it does for a pool with nothing to give.
    intake.reader.submit(over.wait, 20)
    try:
        assert call(intake, "/webhooks/anything") == {"status": 503, "error": "unavailable"}
    finally:
        over.set()


def test_full_list_sheds_load_before_reading_and_tells_known_from_unknown_nothing(monkeypatch):
    monkeypatch.setattr(grouping, "MAX_PENDING", 0)

    assert call(Intake(), "/webhooks/anything") == {"status": 503, "error": "unavailable"}


def test_refusals_are_counted_by_source_and_reason(sender, until):
    sender.send(headers={"webhook-signature": "v1,AAAA"})
    sender.send(headers={"webhook-signature": "v1,AAAA"})
    sender.send(sent_at=1)
    sender.send(path="/webhooks/unknown")

    def counted() -> bool:
        own = sender.source.refusals.values_list("reason", "count")
        return set(own) == {("malformed_signature", 2), ("stale_timestamp", 1)}

    until(counted)
    # The server of an earlier test may just now write its own count of unknown addresses.
    until(Refusal.objects.filter(source=None, reason="unknown_source").exists)


def test_use_of_a_secret_and_the_last_event_are_noted(sender, until):
    sender.send()

    def noted() -> bool:
        sender.source.refresh_from_db()
        secret = sender.source.secrets.get()
        return bool(secret.last_used_at and sender.source.last_event_at)

    until(noted)


def test_counts_that_cannot_be_written_are_kept(monkeypatch):
    intake = Intake()
    intake.tally.refused[None, "unknown_source"] += 3
    monkeypatch.setattr(intake_app, "try_write", lambda tally: False)

    async def run() -> None:
        await intake.flush()
        assert intake.flushing is not None
        intake.flushing.cancel()

    asyncio.run(run())
    assert intake.tally.refused == {(None, "unknown_source"): 3}


def test_counts_that_come_while_others_are_written_stay_in_one_tally(monkeypatch, until):
    intake, written, release = Intake(), [], threading.Event()
    first, *others = (uuid.uuid4() for _ in range(3))

    def write(tally: Tally) -> bool:
        written.append(set(tally.copies))
        return release.wait(10)

    monkeypatch.setattr(intake_app, "try_write", write)

    async def run() -> None:
        intake.tally.copy_of(first)
        flushes = [asyncio.create_task(intake.flush())]
        await asyncio.to_thread(until, lambda: written)
        for event in others:
            intake.tally.copy_of(event)
            flushes.append(asyncio.create_task(intake.flush()))
            await asyncio.sleep(0)
        release.set()
        await asyncio.gather(*flushes)

    asyncio.run(run())
    assert written == [{first}, set(others)]


@pytest.mark.django_db(transaction=True)
def test_source_that_is_gone_does_not_cost_the_counts_of_others():
    tally = Tally()
    tally.refused[None, "unknown_source"] += 1
    tally.refused[uuid.uuid4(), "wrong_signature"] += 1
    tally.want(uuid.uuid4(), "https://keys.example.test/1")

    assert try_write(tally)
    assert [row.count for row in Refusal.objects.all()] == [1]


def test_copies_that_cannot_all_be_written_are_each_counted_once(monkeypatch):
    monkeypatch.setattr(tallying, "COUNTED", 2)
    events = sorted(event.pk for event in EventFactory.create_batch(6, source=SourceFactory()))
    tally = Tally()
    tally.refused[None, "unknown_source"] += 1
    tally.copies.update(events)
    tally.copies[events[3]] = -1  # which the column refuses

    assert not try_write(tally)
    assert events[3] in tally.copies
    tally.copies[events[3]] = 1
    assert try_write(tally)

    assert not tally
    assert set(Event.objects.values_list("duplicates", flat=True)) == {1}
    assert [row.count for row in Refusal.objects.all()] == [1]


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_copies_are_counted_in_one_statement_that_commits_by_itself():
    # Between two statements this thread may wait long for the event loop, and whoever delivers for
    # the database.
    events = EventFactory.create_batch(5, source=SourceFactory())
    tally = Tally()
    tally.copies.update(event.pk for event in events)
    tally.copies[events[0].pk] += 1
    with CaptureQueriesContext(connection) as seen:
        assert try_write(tally)

    counted = [one["sql"] for one in seen if "webhooks_event" in one["sql"]]
    assert len(counted) == 2  # those that came once more, and the one that came twice
    assert not any(one["sql"].startswith("BEGIN") for one in list(seen)[-2:])
    found = Event.objects.order_by("duplicates").values_list("duplicates", flat=True)
    assert list(found) == [1, 1, 1, 1, 2]


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_delivery_gets_its_turn_while_many_copies_are_counted(uvicorn, make_source, monkeypatch):
    source, secret = make_source()
    events = EventFactory.create_batch(3, source=source)
    tally = Tally()
    tally.copies.update(event.pk for event in events)
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        monkeypatch.setattr(tallying, "COUNTED", 1)
        # Where it would pause: a lock that is still held would cost this delivery its answer.
        monkeypatch.setattr(tallying, "sleep", lambda _: taken.append(sender.send()))
        taken: list[Any] = []
        assert try_write(tally)
    assert [answer.status_code for answer in taken] == [202, 202]
