"""Sources that process in order, or only so many events at once; and what that leaves alone."""

import json
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from gateway.lib.errors import Refused
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks import services
from webhooks.models import Event
from webhooks.services import claiming, configuring, limiting, processing
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


def source_of(**settings):
    return SourceFactory(scheme="standard", settings=settings)


def event_of(source, customer: object = None, **fields) -> Event:
    return EventFactory(
        source=source, body=json.dumps({"customer": {"id": customer}}).encode(), **fields
    )


def claim() -> list[Event]:
    return claiming.claim_chunk()


def finish(*events: Event, status: str = EventStatus.PROCESSED) -> None:
    pks = [event.pk for event in events]
    Event.objects.filter(pk__in=pks).update(status=status, due_at=None, lease_until=None)


def keys(events: list[Event]) -> list[object]:
    return [event.pk for event in events]


@pytest.fixture
def ordered():
    return source_of(order_by="body:customer.id")


def test_events_of_one_key_are_taken_one_after_the_other_in_order_of_receipt(ordered):
    first, second, third = (event_of(ordered, "c1") for _ in range(3))

    for expected in (first, second, third):
        (taken,) = claim()
        assert taken.pk == expected.pk
        assert claim() == []
        finish(taken)
    assert claim() == []


def test_different_keys_do_not_wait_for_each_other(ordered):
    events = [event_of(ordered, name) for name in ("c1", "c2", "c1", 3, "c2")]

    assert keys(claim()) == [events[0].pk, events[1].pk, events[3].pk]


def test_failed_event_holds_back_its_own_key_until_it_is_given_up(ordered):
    bad, behind = event_of(ordered, "c1"), event_of(ordered, "c1")
    other = event_of(ordered, "c2")
    assert keys(claim()) == [bad.pk, other.pk]
    later = timezone.now() + timedelta(minutes=5)
    Event.objects.filter(pk=bad.pk).update(status=EventStatus.FAILED, due_at=later)
    finish(other)

    assert claim() == []
    finish(bad, status=EventStatus.DEAD)
    assert keys(claim()) == [behind.pk]


def test_event_without_the_key_waits_for_nobody(ordered):
    events = [EventFactory(source=ordered, body=body) for body in (b"{}", b"[]", b"no json", b"")]

    assert keys(claim()) == keys(events)


def test_key_may_stand_in_a_header_and_only_its_digest_is_kept():
    source = source_of(order_by="header:X-Customer")
    first, second = (EventFactory(source=source, headers=b"x-customer: c1\n") for _ in range(2))

    assert keys(claim()) == [first.pk]
    second.refresh_from_db()
    assert len(second.order_key) == 64
    assert "c1" not in second.order_key


def test_text_and_number_of_the_same_form_are_one_key(ordered):
    first, _second = event_of(ordered, "7"), event_of(ordered, 7)

    assert keys(claim()) == [first.pk]


def test_replayed_event_comes_before_later_ones_of_its_key(ordered):
    old, new = event_of(ordered, "c1"), event_of(ordered, "c1")
    (taken,) = claim()
    finish(taken)
    Event.objects.filter(pk=old.pk).update(status=EventStatus.RECEIVED, due_at=timezone.now())

    assert keys(claim()) == [old.pk]
    finish(old)
    assert keys(claim()) == [new.pk]


def test_worker_that_was_lost_gives_its_key_back(ordered):
    first, second = event_of(ordered, "c1"), event_of(ordered, "c1")
    claim()
    Event.objects.filter(pk=first.pk).update(due_at=timezone.now())

    (taken,) = claim()
    assert (taken.pk, taken.lost_leases) == (first.pk, 1)
    finish(taken)
    assert keys(claim()) == [second.pk]


def test_order_is_kept_through_processing(ordered, monkeypatch):
    events = [event_of(ordered, number % 3) for number in range(30)]
    seen: list[object] = []
    original = processing.carry_out
    monkeypatch.setattr(
        processing, "carry_out", lambda event: seen.append(event.pk) or original(event)
    )
    while services.process_chunk():
        pass

    for key in range(3):
        wanted = [event.pk for number, event in enumerate(events) if number % 3 == key]
        assert [pk for pk in seen if pk in set(wanted)] == wanted


def test_only_so_many_events_of_a_source_are_under_way_at_once():
    source = source_of(concurrency=2)
    events = [event_of(source) for _ in range(5)]

    assert keys(claim()) == keys(events[:2])
    assert claim() == []
    finish(events[0])
    assert keys(claim()) == [events[2].pk]


def test_lost_worker_does_not_use_up_the_places_of_its_source():
    source = source_of(concurrency=1)
    event_of(source)
    claim()
    Event.objects.update(due_at=timezone.now())

    assert len(claim()) == 1


def test_order_and_number_hold_together():
    source = source_of(order_by="body:customer.id", concurrency=2)
    events = [event_of(source, name) for name in ("c1", "c1", "c2", "c3")]

    assert keys(claim()) == [events[0].pk, events[2].pk]
    finish(events[0])
    assert keys(claim()) == [events[1].pk]


def test_other_sources_never_wait_for_a_limited_one(ordered, monkeypatch):
    monkeypatch.setattr(claiming, "CHUNK", 5)
    held = [event_of(ordered, "c1") for _ in range(20)]
    free = [event_of(SourceFactory()) for _ in range(8)]

    taken = [event.pk for _ in range(2) for event in claim()]
    assert set(keys(free)) | {held[0].pk} >= set(taken)
    assert len(taken) >= 8


def test_plain_sources_cost_no_look_at_the_limited_ones(django_assert_max_num_queries):
    source = SourceFactory()
    for _ in range(50):
        event_of(source)

    with django_assert_max_num_queries(13):
        assert len(claim()) == 50


@pytest.mark.parametrize("place", ["", "customer", "field:t", "query:a", "nowhere:a", "body:", 5])
def test_place_that_no_event_has_is_refused(place):
    with pytest.raises(Refused, match="order_by"):
        configuring.checked_settings({"order_by": place})


@pytest.mark.parametrize("place", ["body:customer.id", "header:X-Key"])
def test_place_that_an_event_can_have_is_taken(place):
    assert configuring.checked_settings({"order_by": place})


def test_backlog_of_a_key_is_looked_through_by_the_index_of_open_rows(ordered):
    event_of(ordered, "c1")
    plan = limiting._of(ordered, Event.objects.open()).explain()

    assert "event_once" not in plan


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'")
def test_workers_at_once_never_take_two_events_of_one_key(ordered):
    from threading import Thread

    for number in range(40):
        event_of(ordered, number % 4)
    claimed: list[Event] = []

    def work() -> None:
        try:
            claimed.extend(claim())
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [event.order_key for event in Event.objects.filter(status=EventStatus.PROCESSING)]
    assert len(taken) == len(set(taken)) == len(claimed) == 4
    assert connection.vendor == "postgresql"
