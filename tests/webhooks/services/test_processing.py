"""What events lead to, and what becomes of those that cannot be processed."""

import json
import time
from collections import defaultdict
from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.db.models.signals import post_init
from django.utils import timezone

from approvals.models import Action
from audit.models import AuditRecord
from gateway.lib.states import move
from gateway.runs.models import Run
from gateway.runs.services import RunNotReady
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.runs import RunFactory
from tests.factories.tenants import UserFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.services import claiming, processing
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


def event_of(source, body: object = None, **fields) -> Event:
    raw = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    return EventFactory(source=source, body=raw, **fields)


def done(event: Event) -> Event:
    """The event after everything due was processed."""
    while services.process_chunk():
        pass
    event.refresh_from_db()
    return event


@pytest.fixture
def source():
    return SourceFactory(scheme="standard")


@pytest.fixture
def choosy(source):
    """A source whose routes have to be asked, so that its events are claimed."""
    RouteFactory(source=source, when="event.type == 'never'")
    return source


@pytest.fixture
def provider(source):
    made = ProviderFactory(environment=source.environment)
    source.provider = made
    source.save()
    return made


def test_event_without_a_route_is_recorded(source):
    event = done(event_of(source, {"type": "order.paid"}, event_type=""))

    assert (event.status, event.due_at, event.route) == ("processed", None, "record (implicit)")
    assert event.event_type == "order.paid"


def test_recorded_event_may_hold_anything(source):
    assert done(event_of(source, b"\xff\x00 not json", event_type="")).status == "processed"


def test_first_matching_route_decides(source):
    RouteFactory(source=source, position=1, name="never", when="false")
    RouteFactory(source=source, position=2, name="broken", when="body.a.b.c == 1")
    RouteFactory(source=source, position=3, name="orders", when="event.type == 'order.created'")

    assert done(event_of(source)).route == "orders"


def test_provider_event_feeds_its_run(source, provider):
    event = done(event_of(source, {"event": "run.started", "run_id": "r1"}))

    run = Run.objects.get()
    assert (event.status, event.run_id) == ("processed", run.pk)
    assert (run.provider, run.provider_run_id, run.correlation_id) == (
        provider, "r1", event.correlation_id,
    )  # fmt: skip


def test_provider_event_without_meaning_is_ignored(source, provider):
    assert done(event_of(source, {"event": "weather.changed"})).status == "ignored"


@pytest.mark.parametrize("body", [b"not json", b"[]", {"event": "run.started"}, b'{"event":1}'])
def test_provider_event_that_cannot_be_read_is_dead_at_once_with_its_reason(source, provider, body):
    event = done(event_of(source, body))

    assert (event.status, event.attempts, event.due_at) == ("dead", 1, None)
    assert "cannot read it" in event.reason
    record = AuditRecord.objects.get(action="webhooks.event.given_up")
    assert record.target_id == event.public_id
    assert record.correlation_id == event.correlation_id


def test_route_starts_one_run_however_often_the_event_is_processed(source):
    agent = AgentFactory(
        environment=source.environment, provider=ProviderFactory(environment=source.environment)
    )
    editor = UserFactory()
    RouteFactory(
        source=source, effect=Effect.START_RUN, agent=agent, edited_by=editor,
        arguments={"task": "'Review ' + body.title", "user_id": "body.user"},
    )  # fmt: skip
    event = done(event_of(source, {"title": "PR 5", "user": "u1"}))

    run = Run.objects.get()
    assert (run.task, run.tags, run.agent, run.origin) == (
        "Review PR 5", {"user_id": "u1"}, agent, "route",
    )  # fmt: skip
    assert (run.started_by_kind, run.starter_user_id) == ("source", editor.pk)
    assert event.run_id == run.pk
    move(event, EventStatus.RECEIVED, due_at=timezone.now())
    assert done(event).status == "processed"
    assert Run.objects.count() == 1


def test_route_proposes_one_action_requested_by_the_source_and_its_editor(source):
    agent = AgentFactory(environment=source.environment)
    tool = ToolFactory(environment=source.environment)
    editor = UserFactory()
    RouteFactory(
        source=source, effect=Effect.ACTION, agent=agent, tool=tool.name, edited_by=editor,
        arguments={"note": "body.text"},
    )  # fmt: skip
    event = done(event_of(source, {"text": "hello"}))

    action = Action.objects.get()
    assert action.arguments_value == {"note": "hello"}
    assert (action.requester_kind, action.requester_id) == ("source", source.public_id)
    assert action.requester_owner == editor
    assert (action.source_event, action.correlation_id) == (event.public_id, event.correlation_id)
    move(event, EventStatus.RECEIVED, due_at=timezone.now())
    assert done(event).status == "processed"
    assert Action.objects.count() == 1


def test_mapping_that_finds_nothing_is_dead_and_says_which(source):
    RouteFactory(
        source=source, name="refund", effect=Effect.ACTION, tool="refund",
        agent=AgentFactory(environment=source.environment), arguments={"amount": "body.amount"},
    )  # fmt: skip

    event = done(event_of(source, {"sum": 5}))

    assert event.status == "dead"
    assert "'refund'" in event.reason
    assert "amount" in event.reason


def test_pruned_event_is_dead(source):
    event = event_of(source)
    Event.objects.update(body=None)

    assert done(event).reason == "Its body was pruned."


def test_event_for_a_run_that_is_just_starting_waits(source, provider, monkeypatch):
    def not_ready(*_args, **_fields):
        raise RunNotReady("starting")

    monkeypatch.setattr("webhooks.services.effects.runs.apply_update", not_ready)
    event = event_of(source, {"event": "run.started", "run_id": "r1"})
    services.process_chunk()

    event.refresh_from_db()
    assert (event.status, event.attempts) == ("failed", 0)
    assert timezone.now() < event.due_at < timezone.now() + timedelta(seconds=5)
    assert services.process_chunk() == 0
    Event.objects.update(due_at=timezone.now(), received_at=timezone.now() - timedelta(minutes=2))
    services.process_chunk()
    event.refresh_from_db()
    # What waits for long comes less often, or many of them would leave time for nothing else.
    assert timezone.now() + timedelta(seconds=15) < event.due_at
    monkeypatch.undo()
    Event.objects.update(due_at=timezone.now())
    assert done(event).status == "processed"


def test_event_of_an_unknown_run_waits_for_starts_without_an_answer_that_are_older_than_it(
    source, provider
):
    start = RunFactory(
        environment=source.environment, provider=provider, status="queued", attempts=1,
        provider_run_id=None,
    )  # fmt: skip
    body = {"event": "run.started", "run_id": "r1"}

    assert done(event_of(source, body)).status == "failed"
    Event.objects.update(due_at=timezone.now(), received_at=start.created_at - timedelta(minutes=1))
    services.process_chunk()
    assert Event.objects.get().status == "processed"
    assert Run.objects.exclude(pk=start.pk).get().provider_run_id == "r1"


def test_unexpected_error_is_tried_again_later_and_given_up_after_ten_times(choosy, monkeypatch):
    def broken(_event):
        raise RuntimeError("no luck")

    monkeypatch.setattr(processing, "carry_out", broken)
    event = event_of(choosy)
    waits = []
    for _ in range(processing.MAX_ATTEMPTS):
        begun = timezone.now()
        assert services.process_chunk() == 1
        event.refresh_from_db()
        if event.due_at:
            waits.append((event.due_at - begun).total_seconds())
            Event.objects.update(due_at=timezone.now())

    assert (event.status, event.reason) == ("dead", "RuntimeError: no luck")
    assert waits == sorted(waits)
    assert waits[-1] > 100


def test_bad_event_does_not_stop_the_others_of_its_chunk(choosy, monkeypatch):
    original = processing.carry_out
    bad = event_of(choosy)
    good = [event_of(choosy) for _ in range(3)]

    def sometimes(event):
        if event.pk == bad.pk:
            raise RuntimeError("no luck")
        return original(event)

    monkeypatch.setattr(processing, "carry_out", sometimes)
    assert services.process_chunk() == 4

    assert {Event.objects.get(pk=event.pk).status for event in good} == {"processed"}


def test_claim_is_a_lease_that_nobody_else_gets(source):
    event_of(source)
    first = claiming.claim_chunk()

    assert [event.status for event in first] == [EventStatus.PROCESSING]
    assert claiming.claim_chunk() == []
    assert services.sweep() == 0


def test_event_of_a_lost_worker_is_processed_by_the_next(source):
    event = event_of(source)
    claiming.claim_chunk()
    Event.objects.update(due_at=timezone.now())

    assert services.sweep() == 1
    assert done(event).status == "processed"
    assert (event.lost_leases, event.attempts) == (1, 2)


def test_event_that_cost_three_workers_is_dead_and_the_others_of_its_chunk_are_not(source):
    poison = event_of(source)
    others = [event_of(source) for _ in range(3)]
    died = 0
    while chunk := claiming.claim_chunk():
        if any(event.pk == poison.pk for event in chunk):
            died += 1
            Event.objects.filter(status=EventStatus.PROCESSING).update(due_at=timezone.now())
            continue
        for event in chunk:
            plain = defaultdict(list)
            processing._process(event, plain)
            processing._finish_plain(plain)

    poison.refresh_from_db()
    assert died == claiming.MAX_LOST_LEASES
    assert poison.status == "dead"
    assert {Event.objects.get(pk=other.pk).status for other in others} == {"processed"}
    assert max(Event.objects.get(pk=other.pk).lost_leases for other in others) == 1


def test_event_that_lost_its_worker_is_claimed_without_reading_the_others_that_are_due(choosy):
    for _ in range(5):
        event_of(choosy)
    event_of(choosy, lost_leases=2)
    suspect = event_of(choosy, lost_leases=1)
    read: list[Event] = []

    def note(instance: Event, **_: object) -> None:
        read.append(instance)

    post_init.connect(note, sender=Event)
    try:
        claimed = claiming.claim_chunk()
    finally:
        post_init.disconnect(note, sender=Event)

    assert [event.pk for event in claimed] == [suspect.pk]
    assert len(read) == 1


def test_worker_that_lost_its_lease_finishes_nothing(source, provider):
    event = event_of(source, {"event": "run.started", "run_id": "r1"})
    (slow,) = claiming.claim_chunk()
    Event.objects.update(due_at=timezone.now())
    (quick,) = claiming.claim_chunk()
    assert quick.attempts == slow.attempts + 1

    processing._process(slow, {})
    event.refresh_from_db()
    assert event.status == "processing"
    processing._process(quick, {})
    event.refresh_from_db()
    assert event.status == "processed"


def test_lease_is_renewed_only_by_who_holds_it(source):
    event_of(source)
    (held,) = claiming.claim_chunk()
    before = Event.objects.get().due_at
    stale = Event.objects.get()
    stale.attempts = 0

    claiming.renew([stale])
    assert Event.objects.get().due_at == before
    claiming.renew([held])
    assert Event.objects.get().due_at > before


def test_quarantined_and_finished_events_are_not_due(source):
    event_of(source, status=EventStatus.QUARANTINED, due_at=None)
    event_of(source, status=EventStatus.PROCESSED, due_at=None)

    assert services.process_chunk() == 0


def test_chunk_is_processed_in_the_order_of_arrival_with_few_statements(
    choosy, django_assert_max_num_queries
):
    for _ in range(20):
        event_of(choosy)

    with django_assert_max_num_queries(20 * 4 + 20):
        assert services.process_chunk() == 20
    assert set(Event.objects.values_list("status", flat=True)) == {"processed"}


def test_desk_is_told_after_the_commit(source, monkeypatch, settle):
    told = []
    monkeypatch.setattr("gateway.lib.live._send", lambda topics, news: told.append((topics, news)))
    event = event_of(source)
    services.process_chunk()
    settle()

    topics = (source.environment.live_topic,)
    assert (topics, {"kind": "event", "id": event.public_id}) in told


@pytest.mark.skipif("connection.vendor == 'sqlite'")
def test_two_workers_never_claim_the_same_event(transactional_db, source):
    from threading import Thread

    for _ in range(40):
        event_of(source)
    claimed: list[object] = []

    def work() -> None:
        try:
            claimed.extend(event.pk for event in claiming.claim_chunk())
        finally:
            connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 40


@pytest.mark.skipif("connection.vendor == 'sqlite'")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_lease_of_a_worker_whose_clock_is_wrong_holds(source, monkeypatch, minutes):
    wrong = timezone.now() + timedelta(minutes=minutes)
    event = event_of(source, due_at=timezone.now() - timedelta(minutes=1))
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    (mine,) = claiming.claim_chunk()
    claiming.renew([mine])
    assert claiming.claim_chunk() == []
    event.refresh_from_db()
    assert (event.status, event.lost_leases) == ("processing", 0)
    soon = Now() + timedelta(seconds=2 * claiming.LEASE_S)
    assert Event.objects.filter(lease_until__gt=Now(), lease_until__lt=soon).exists()


def test_chunk_that_takes_too_long_leaves_the_rest_untried_to_the_next(choosy, monkeypatch):
    events = [event_of(choosy) for _ in range(3)]
    monkeypatch.setattr(processing, "CHUNK_S", -1.0)
    assert services.process_chunk() == 3

    first, *rest = [Event.objects.get(pk=event.pk) for event in events]
    assert (first.status, first.attempts) == ("processed", 1)
    assert {(e.status, e.attempts, e.lost_leases, e.lease_until) for e in rest} == {
        ("received", 0, 0, None)
    }
    assert {done(event).attempts for event in rest} == {1}


@pytest.mark.django_db(transaction=True)
def test_lease_is_renewed_while_an_event_is_slow(choosy, monkeypatch):
    monkeypatch.setattr(claiming, "RENEW_EVERY_S", 0.01)
    original = processing.carry_out
    seen = []

    def slow(event):
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up and not seen:
            held = Event.objects.get(pk=event.pk).due_at
            seen.extend([held] if held > event.due_at else [])
        return original(event)

    monkeypatch.setattr(processing, "carry_out", slow)
    assert done(event_of(choosy)).status == "processed"
    assert seen


def test_bodies_of_a_chunk_are_bounded(source, monkeypatch):
    monkeypatch.setattr(claiming, "CHUNK_BYTES", 1000)
    # As they are stored: what packs well takes less.
    sizes = (400, 400, 400, 5000)
    events = [event_of(source, Random(size).randbytes(size)) for size in sizes]

    chunks = [[event.pk for event in claiming.claim_chunk()] for _ in range(3)]
    assert chunks == [[events[0].pk, events[1].pk], [events[2].pk], [events[3].pk]]


def test_claim_and_end_of_many_events_take_few_statements(source, django_assert_max_num_queries):
    for _ in range(100):
        event_of(source)

    with django_assert_max_num_queries(25):
        assert services.process_chunk() == 100


def test_desk_is_told_once_for_a_chunk(source, monkeypatch, settle):
    told = []
    monkeypatch.setattr("gateway.lib.live._send", lambda topics, news: told.append(topics))
    for _ in range(5):
        event_of(source)
    services.process_chunk()
    settle()

    assert told == [(source.environment.live_topic,)]
