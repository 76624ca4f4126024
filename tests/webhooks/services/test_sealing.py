"""Every accepted event is sealed once, and what happens to it afterwards is named."""

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, models, transaction
from django.db.models.functions import Cast
from django.utils import timezone

from audit import published, sequencer
from audit.models import AuditRecord
from audit.verification import verify
from gateway.lib.broker import JobName
from gateway.lib.errors import StaleState
from tests.audit.conftest import give_all
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks import services
from webhooks.models import Event
from webhooks.services import sealing
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _published_in(settings, tmp_path):
    settings.AUDIT_DIR = tmp_path / "audit"


@pytest.fixture
def source():
    return SourceFactory()


def records():
    return list(AuditRecord.objects.filter(action="webhooks.event.sealed").order_by("pk"))


def sealed_events():
    return Counter(name for record in records() for name in record.body_json["meta"]["events"])


def findings():
    give_all()
    for log in {record.log for record in records()}:
        size = sequencer.tree.size(log)
        newest = sequencer.tree.newest_checkpoint(log)
        if newest is None or newest.size < size:
            published.announce_key(sequencer._public_key())
            sequencer.sign(log, size)
    reports = verify(public_keys=published.public_keys())
    found = [finding for report in reports for finding in report.findings]
    return [finding.text for finding in found if finding.check == "sealed"]


def test_every_event_is_sealed_once_in_the_log_of_its_tenant(source, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 3)
    monkeypatch.setattr(sealing, "CHUNK", 5)
    other = SourceFactory()
    events = EventFactory.create_batch(7, source=source)
    events += EventFactory.create_batch(2, source=other)
    events.append(EventFactory(source=source, status=EventStatus.QUARANTINED, due_at=None))
    while services.seal_chunk():
        pass
    assert sealed_events() == dict.fromkeys([event.public_id for event in events], 1)
    for record in records():
        mine = Event.objects.filter(sealed_in=record.pk)
        assert {event.public_id for event in mine} == set(record.body_json["meta"]["events"])
        assert {event.environment.audit_scope.tenant for event in mine} == {record.log}
    assert services.seal_chunk() == 0
    assert findings() == []


def test_the_sweep_rings_for_events_that_are_not_sealed_and_the_job_seals_them_all(source, settle):
    EventFactory.create_batch(3, source=source)
    services.sweep()
    assert JobName.SEAL_EVENTS in [message.actor_name for message in settle()]
    assert not Event.objects.filter(sealed_in=None).exists()
    services.sweep()
    assert JobName.SEAL_EVENTS not in [message.actor_name for message in settle()]


def test_what_somebody_else_seals_meanwhile_is_not_sealed_twice(source, monkeypatch):
    EventFactory.create_batch(3, source=source)
    real = sealing._draft

    def overtaken(rows, scope):
        monkeypatch.setattr(sealing, "_draft", real)
        sealing._seal(rows)
        return real(rows, scope)

    monkeypatch.setattr(sealing, "_draft", overtaken)
    with pytest.raises(StaleState), transaction.atomic():
        services.seal_chunk()
    while services.seal_chunk():
        pass
    assert set(sealed_events().values()) == {1}


@pytest.fixture
def event(source):
    """One of five sealed events."""
    events = EventFactory.create_batch(5, source=source)
    services.seal_chunk()
    assert findings() == []
    return events[2]


def tamper(event, **columns):
    Event.objects.filter(pk=event.pk).update(**columns)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"body": b'{"number":4}'}, "body"),
        ({"headers": b"content-type: text/plain\n"}, "headers"),
        ({"headers": None}, "headers"),
        ({"event_id": "msg_other"}, "id, source, time or digest"),
        ({"body_sha256": "00" * 32}, "id, source, time or digest, body"),
        ({"body": None}, "body, which is gone and was not pruned"),
        ({"sealed_in": None}, "record"),
        ({"sealed_in": uuid.UUID(int=5)}, "record"),
        ({"received_at": timezone.now() - timedelta(days=1)}, "id, source, time or digest"),
    ],
)
def test_an_event_that_was_changed_is_named(event, columns, said):
    tamper(event, **columns)
    found = findings()
    assert f"event {event.public_id} is not as it was sealed: {said}" in found
    assert all(event.public_id in text for text in found)


@pytest.mark.parametrize("place", [0, 5, 40, -1])
def test_an_event_whose_packed_body_was_changed_is_named_and_others_are_read(source, place):
    event = EventFactory(source=source, body=b'{"name":"lamp"}' * 200)
    EventFactory(source=source)
    services.seal_chunk()
    assert findings() == []
    kept = Event.objects.annotate(kept=Cast("body", models.BinaryField())).get(pk=event.pk).kept
    changed = bytearray(kept)
    changed[place] ^= 1
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE webhooks_event SET body = %s WHERE body_sha256 = %s",
            [connection.Database.Binary(bytes(changed)), event.body_sha256],
        )
    assert findings() == [f"event {event.public_id} is not as it was sealed: body"]


def test_an_event_that_is_gone_is_named(event):
    Event.objects.filter(pk=event.pk)._raw_delete("default")
    assert findings() == [f"event {event.public_id} is not as it was sealed: row, which is gone"]


def test_a_pruned_event_stays_provable_and_its_digest_still_counts(event):
    tamper(event, body=None, headers=None, pruned_at=timezone.now())
    assert findings() == []
    tamper(event, body_sha256="00" * 32)
    assert event.public_id in findings()[0]


def test_headers_that_are_there_are_looked_at_whatever_was_pruned(event):
    tamper(event, headers=b"x-github-event: push", pruned_at=timezone.now())
    assert findings() == [f"event {event.public_id} is not as it was sealed: headers"]


def test_an_event_that_claims_a_record_without_being_in_it_is_named(event):
    event.refresh_from_db()
    forged = EventFactory(source=event.source, sealed_in=event.sealed_in)
    assert findings() == [
        f"event {forged.public_id} claims record {event.sealed_in}, which does not hold it"
    ]


def test_an_old_event_that_nobody_sealed_is_named(source):
    EventFactory(source=source)
    old = EventFactory(source=source, received_at=timezone.now() - timedelta(minutes=5))
    assert findings() == [f"event {old.public_id} is in no record: does the worker run?"]


def test_a_processed_event_keeps_its_seal(source):
    event = EventFactory(source=source)
    services.seal_chunk()
    while services.process_chunk():
        pass
    assert findings() == []
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED
    assert event.sealed_in
