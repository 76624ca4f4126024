"""Replay and release: ordered by people who may, recorded, and attached to what exists."""

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused, StaleState
from tests import people
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks import services
from webhooks.models import Event
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
