"""A verified request to subscribe is answered once, whatever happens in between."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.http.messages import Answer
from tests.factories.webhooks import EventFactory, SecretFactory, SourceFactory
from tests.people import ready
from tests.webhooks.door import BROKEN, NOTHING, Door
from tests.webhooks.schemes.amazon import SUBSCRIBE, TOPIC, message
from webhooks import services
from webhooks.models import Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
HEADERS = b"content-type: text/plain; charset=UTF-8"
CONFIRMED = "webhooks.subscription.confirmed"
GOOD = Answer(200, body=b"<ConfirmSubscriptionResponse/>")


def received(
    kind: str = "SubscriptionConfirmation", url: str = SUBSCRIBE, **source_fields: Any
) -> Event:
    """A verified event of a topic, not yet processed."""
    source = SourceFactory(scheme="sns", **source_fields)
    SecretFactory(source=source, value=TOPIC)
    body = message(Type=kind, SubscribeURL=url, Token="t")
    return EventFactory(source=source, event_type="", body=body, headers=HEADERS)


@pytest.fixture
def door(monkeypatch) -> Door:
    made = Door({SUBSCRIBE: GOOD})
    monkeypatch.setattr("webhooks.services.confirming.door", made.open)
    return made


def again(event: Event) -> None:
    """Process what is due, as if its time had come."""
    Event.objects.filter(pk=event.pk).exclude(due_at=None).update(
        due_at=timezone.now() - timedelta(seconds=1)
    )
    services.process_chunk()
    event.refresh_from_db()


def test_address_is_visited_once_and_recorded(door):
    event = received()

    again(event)

    assert door.asked == [SUBSCRIBE]
    assert event.status == EventStatus.PROCESSED
    assert (event.route, event.event_type) == ("confirm (implicit)", "SubscriptionConfirmation")
    assert bytes(event.fetched) == GOOD.body
    record = AuditRecord.objects.get(action=CONFIRMED)
    assert record.body_json["target"]["id"] == event.public_id
    assert SUBSCRIBE not in record.body


def test_replay_does_not_visit_it_again(door):
    here = ready()
    event = received(environment=here.environment)
    again(event)

    services.replay(event=event, by=here.principal(here.operator))
    again(event)

    assert door.asked == [SUBSCRIBE]
    assert event.status == EventStatus.PROCESSED
    assert AuditRecord.objects.filter(action=CONFIRMED).count() == 1


@pytest.mark.parametrize("reply", [Answer(503), Answer(429), NOTHING])
def test_what_surely_did_not_happen_is_tried_again(door, reply):
    event = received()
    door.replies = {SUBSCRIBE: reply}
    again(event)
    assert event.status == EventStatus.FAILED

    door.replies = {SUBSCRIBE: GOOD}
    again(event)

    assert event.status == EventStatus.PROCESSED
    assert len(door.asked) == 2


@pytest.mark.parametrize("reply", [Answer(403), Answer(302, {"location": "https://evil.test/"})])
def test_refusal_is_shown_and_not_repeated(door, reply):
    event = received()
    door.replies = {SUBSCRIBE: reply}

    again(event)

    assert event.status == EventStatus.DEAD
    assert f"status {reply.status}" in event.reason
    assert door.asked == [SUBSCRIBE]


def test_what_may_have_happened_is_never_repeated(door):
    here = ready()
    event = received(environment=here.environment)
    door.replies = {SUBSCRIBE: BROKEN}
    again(event)
    assert event.status == EventStatus.DEAD
    assert "not known" in event.reason

    services.replay(event=event, by=here.principal(here.operator))
    again(event)

    assert door.asked == [SUBSCRIBE]
    assert event.status == EventStatus.DEAD
    assert not AuditRecord.objects.filter(action=CONFIRMED).exists()


@pytest.mark.parametrize(
    ("kind", "url"),
    [("Notification", SUBSCRIBE), ("UnsubscribeConfirmation", SUBSCRIBE),
     ("SubscriptionConfirmation", "https://evil.test/?Action=ConfirmSubscription&a=b")],
)  # fmt: skip
def test_nothing_else_is_visited(door, kind, url):
    event = received(kind, url)

    again(event)

    assert door.asked == []
    assert event.status == EventStatus.PROCESSED
    assert event.route == "record (implicit)"
