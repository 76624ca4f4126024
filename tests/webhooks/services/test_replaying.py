"""Replay and release: ordered by people who may, recorded, and attached to what exists."""

import pytest
from django.utils import timezone

from approvals.models import Action
from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.runs.models import Run
from tests import people
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.states import FINAL, EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def source(here):
    return SourceFactory(environment=here.environment)


def finished(source, status: str = EventStatus.DEAD, **fields) -> Event:
    return EventFactory(source=source, status=status, due_at=None, **fields)


@pytest.mark.parametrize("status", sorted(FINAL))
def test_finished_event_is_due_again_with_fresh_attempts(here, source, status):
    event = finished(source, status, attempts=9, lost_leases=3, reason="why")

    services.replay(event=event, by=here.principal(here.operator))

    event.refresh_from_db()
    assert (event.status, event.attempts, event.lost_leases) == ("received", 0, 0)
    assert (event.reason, event.replays) == ("", 1)
    assert event.due_at <= timezone.now()
    record = AuditRecord.objects.get(action="webhooks.event.replayed")
    assert record.body_json["changes"] == {"status": [status, "received"]}
    assert record.actor_kind == "person"


@pytest.mark.parametrize("status", ["received", "processing", "failed", "quarantined"])
def test_open_event_is_not_replayed(here, source, status):
    event = EventFactory(source=source, status=status)

    with pytest.raises(Refused):
        services.replay(event=event, by=here.principal(here.operator))


def test_quarantined_event_is_released_and_its_bytes_stay_guarded(here, source):
    first = EventFactory(source=source, replay_digest="d" * 64)
    held = finished(source, EventStatus.QUARANTINED)

    services.release(event=held, by=here.principal(here.operator))

    held.refresh_from_db()
    assert (held.status, held.replay_digest) == ("received", None)
    assert Event.objects.get(pk=first.pk).replay_digest == "d" * 64
    services.process_chunk()
    held.refresh_from_db()
    assert held.status == "processed"


def test_event_that_is_not_quarantined_is_not_released(here, source):
    with pytest.raises(Refused):
        services.release(event=finished(source), by=here.principal(here.operator))


def test_pruned_event_cannot_be_replayed(here, source):
    event = finished(source, body=None, body_sha256="0" * 64)

    with pytest.raises(Refused) as caught:
        services.replay(event=event, by=here.principal(here.operator))
    assert caught.value.code == "pruned"


@pytest.mark.parametrize("order", [services.replay, services.release])
@pytest.mark.parametrize("who", ["may", "may_not", "auditor"])
def test_who_may_not_changes_nothing_and_the_attempt_is_recorded(here, source, order, who):
    event = finished(source)

    with pytest.raises(Denied):
        order(event=event, by=here.principal(getattr(here, who)))

    event.refresh_from_db()
    assert event.status == "dead"
    assert AuditRecord.objects.get(target_id=event.public_id).outcome == "refused"


def test_of_two_orders_at_once_one_wins(here, source):
    event = finished(source)
    stale = Event.objects.get(pk=event.pk)
    services.replay(event=event, by=here.principal(here.operator))

    with pytest.raises(StaleState):
        services.replay(event=stale, by=here.principal(here.operator))


@pytest.fixture
def operator(here):
    return here.principal(here.operator)


def acting(source) -> None:
    RouteFactory(
        source=source, name="note", effect=Effect.ACTION,
        tool=ToolFactory(environment=source.environment).name,
        agent=AgentFactory(environment=source.environment), arguments={"note": "body.text"},
    )  # fmt: skip


def starting(source) -> None:
    agent = AgentFactory(
        environment=source.environment, provider=ProviderFactory(environment=source.environment)
    )
    RouteFactory(
        source=source, name="start", effect=Effect.START_RUN, agent=agent,
        arguments={"task": "body.text"},
    )  # fmt: skip


def processed(event: Event) -> Event:
    while services.process_chunk():
        pass
    event.refresh_from_db()
    return event


def test_replay_attaches_to_the_action_that_exists_and_as_new_makes_another(source, operator):
    acting(source)
    event = processed(EventFactory(source=source, body=b'{"text":"a"}'))
    services.replay(event=event, by=operator)
    assert processed(event).status == "processed"
    assert Action.objects.count() == 1

    services.replay(event=event, by=operator, as_new=True)
    assert processed(event).status == "processed"
    first, second = Action.objects.order_by("id")
    assert (first.call_id, second.call_id) == (event.public_id, f"{event.public_id}#r1")
    assert first.source_event == second.source_event == event.public_id
    assert first.status == second.status
    assert second.digest != first.digest

    services.replay(event=event, by=operator)
    processed(event)
    assert Action.objects.count() == 2
    services.replay(event=event, by=operator, as_new=True)
    processed(event)
    assert Action.objects.count() == 3


def test_replay_attaches_to_the_run_that_exists_and_as_new_starts_another(source, operator):
    starting(source)
    event = processed(EventFactory(source=source, body=b'{"text":"a"}'))
    runs = [event.run_id]
    for as_new in (False, True, False, True):
        services.replay(event=event, by=operator, as_new=as_new)
        runs.append(processed(event).run_id)

    first, again, second, second_again, third = runs
    assert first == again
    assert second == second_again
    assert len({first, second, third}) == Run.objects.count() == 3
    assert set(Run.objects.values_list("source_event", flat=True)) == {event.public_id}


def test_order_as_new_is_recorded_with_its_key(source, operator):
    event = finished(source)
    services.replay(event=event, by=operator, as_new=True)

    record = AuditRecord.objects.get(action="webhooks.event.replayed")
    assert record.body_json["meta"] == {"as_new": f"{event.public_id}#r1"}


def test_event_that_feeds_a_run_and_a_delivery_have_no_new_effects(source, operator):
    source.provider = ProviderFactory(environment=source.environment)
    source.save()
    feeding = finished(source, body=b'{"event":"run.started","run_id":"r1"}')
    split = finished(SourceFactory(environment=source.environment, scheme="sendgrid"), body=b"[]")

    for event in (feeding, split):
        with pytest.raises(Refused) as caught:
            services.replay(event=event, by=operator, as_new=True)
        assert caught.value.code == "not_renewable"
        assert services.replay(event=event, by=operator).status == "received"


def test_many_are_replayed_and_what_is_refused_stops_no_other(source, operator):
    events = [finished(source), EventFactory(source=source), finished(source)]

    results = services.replay_many(events, by=operator)
    assert [(result.event, result.code) for result in results] == [
        (events[0], ""), (events[1], "not_finished"), (events[2], ""),
    ]  # fmt: skip
    assert {event.status for event in Event.objects.all()} == {"received"}
    assert AuditRecord.objects.filter(outcome="refused").count() == 1


def test_many_are_refused_as_a_whole_where_they_are_too_many_or_not_allowed(here, source, operator):
    event = finished(source)

    with pytest.raises(Refused, match="At most"):
        services.replay_many([event] * (services.MAX_AT_ONCE + 1), by=operator)
    with pytest.raises(Denied):
        services.replay_many([event], by=here.principal(here.may))
    event.refresh_from_db()
    assert event.status == "dead"
