"""Events that are only recorded end many at a time, and only those."""

import json
import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.lib import packing
from gateway.lib.states import move
from tests.factories.agents import ProviderFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.services import planning, recording
from webhooks.services.claiming import claim_chunk
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def source():
    return SourceFactory(scheme="standard")


def event_of(source, body: object = None, **fields) -> Event:
    return EventFactory(source=source, body=json.dumps(body or {}).encode(), **fields)


def as_is(event: Event) -> tuple[object, ...]:
    event.refresh_from_db()
    return event.status, event.route, event.event_type, event.due_at, event.attempts


def test_a_hundred_events_end_with_few_statements_and_without_a_lease(
    source, django_assert_max_num_queries
):
    events = [event_of(source, {"type": "order.paid"}, event_type="") for _ in range(100)]

    with django_assert_max_num_queries(12):
        assert recording.record_chunk() == 100
    assert {as_is(event) for event in events} == {
        ("processed", "record (implicit)", "order.paid", None, 1)
    }
    assert services.process_chunk() == 0


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL scans a table this small")
def test_the_oldest_are_found_by_the_index_of_open_rows_not_by_that_of_all_there_were(source):
    event_of(source)
    assert "event_due" in recording._due([source.pk]).explain()


def test_each_type_of_a_chunk_is_kept(source):
    paid, made = (event_of(source, {"type": kind}, event_type="") for kind in ("paid", "made"))

    assert recording.record_chunk() == 2
    assert (as_is(paid)[2], as_is(made)[2]) == ("paid", "made")


def test_route_that_records_everything_is_named(source):
    RouteFactory(source=source, name="keep all", when=" true ")
    RouteFactory(source=source, name="later", effect=Effect.ACTION, tool="refund")
    event = event_of(source, event_type="x")

    assert recording.record_chunk() == 1
    assert as_is(event)[:2] == ("processed", "keep all")


@pytest.mark.parametrize(
    "fields",
    [
        {"scheme": "hubspot_v3"},  # several events in one delivery
        {"scheme": "sns"},  # may be a subscription to confirm
        {"settings": {"concurrency": 1}},
        {"settings": {"order_by": "body:id"}},
    ],
    ids=str,
)
def test_source_whose_events_need_more_is_left_to_the_claim(fields):
    event_of(SourceFactory(**fields))

    assert recording.record_chunk() == 0
    assert len(claim_chunk()) == 1


def test_source_of_a_provider_or_with_a_filter_is_left_to_the_claim(source):
    event_of(source)
    RouteFactory(source=source, when="event.type == 'x'")
    fed = SourceFactory(provider=ProviderFactory(environment=source.environment))
    event_of(fed)

    assert recording.record_chunk() == 0
    assert len(claim_chunk()) == 2


def test_what_waits_for_another_moment_or_was_pruned_or_failed_is_not_recorded(source):
    later = timezone.now() + timedelta(minutes=1)
    others = [
        event_of(source, due_at=later),
        event_of(source, status=EventStatus.QUARANTINED, due_at=None),
        event_of(source, status=EventStatus.FAILED),
        event_of(source, {"text": "x" * packing.MOST_BYTES}),
    ]
    pruned = event_of(source)
    Event.objects.filter(pk=pruned.pk).update(body=None)

    assert recording.record_chunk() == 0
    while services.process_chunk():
        pass
    assert [as_is(event)[0] for event in others] == [
        "received", "quarantined", "processed", "processed",
    ]  # fmt: skip
    assert as_is(pruned)[0] == "dead"


def test_what_somebody_claimed_meanwhile_is_theirs(source, monkeypatch):
    taken, free = event_of(source), event_of(source)
    original = recording._by_ending

    def slowly(*arguments):
        found = original(*arguments)
        move(Event.objects.get(pk=taken.pk), EventStatus.PROCESSING)
        return found

    monkeypatch.setattr(recording, "_by_ending", slowly)
    assert recording.record_chunk() == 1
    assert (as_is(taken)[0], as_is(free)[0]) == ("processing", "processed")


def test_event_whose_type_cannot_be_read_is_left_to_the_claim_and_stops_nobody(source, monkeypatch):
    bad, good = event_of(source, {"a": "bad"}), event_of(source)
    original = planning.type_of

    def broken(of, raw, kind):
        if b"bad" in raw:
            raise RuntimeError("no luck")
        return original(of, raw, kind)

    Event.objects.update(event_type="")
    monkeypatch.setattr(recording, "type_of", broken)
    assert recording.record_chunk() == 1
    assert (as_is(bad)[0], as_is(good)[0]) == ("received", "processed")


def test_events_never_overtake_others_that_are_due_for_longer(source, monkeypatch):
    monkeypatch.setattr(recording, "CHUNK", 2)
    RouteFactory(source=source, when="event.type == 'x'")
    old = timezone.now() - timedelta(minutes=1)
    first, second = event_of(source, due_at=old), event_of(source, due_at=old)
    event_of(SourceFactory(environment=source.environment))

    assert recording.record_chunk() == 0
    assert {event.pk for event in claim_chunk()} >= {first.pk, second.pk}


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_events_and_record_each_once():
    source = SourceFactory(scheme="standard")
    for _ in range(200):
        event_of(source)
    counts: list[int] = []

    def work() -> None:
        try:
            while count := recording.record_chunk():
                counts.append(count)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200
    assert set(Event.objects.values_list("status", "attempts")) == {("processed", 1)}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL skips rows under lock")
def test_where_rows_cannot_be_skipped_one_thread_records_after_the_other(monkeypatch):
    source = SourceFactory(scheme="standard")
    for _ in range(4):
        event_of(source)
    monkeypatch.setattr(recording, "CHUNK", 2)
    original, both, counts = recording._by_ending, threading.Barrier(2), list[int]()

    def with_company(*arguments):
        with suppress(threading.BrokenBarrierError):  # only who takes turns is alone here
            both.wait(0.5)
        return original(*arguments)

    def work() -> None:
        try:
            counts.append(recording.record_chunk())
        finally:
            connection.close()

    monkeypatch.setattr(recording, "_by_ending", with_company)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2, 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PostgreSQL has more than one writer")
def test_between_two_short_transactions_the_intake_gets_its_turn(source, monkeypatch):
    monkeypatch.setattr(recording, "WRITTEN", 2)
    for _ in range(5):
        event_of(source, event_type="order.paid")
    with CaptureQueriesContext(connection) as asked:
        assert recording.record_chunk() == 5
    said = [each["sql"].split()[0] for each in asked]
    assert said.count("UPDATE") == 3
    assert "BEGIN" not in said
