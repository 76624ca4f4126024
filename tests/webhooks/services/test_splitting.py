"""A delivery with several events becomes one event for each; they are processed like any other."""

import hashlib
import json

import pytest
from django.utils import timezone

from approvals.models import Action
from gateway.runs.models import Run
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.services import claiming, splitting
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def source():
    return SourceFactory(scheme="sendgrid")


def delivery_of(source, *items: object, **fields) -> Event:
    raw = json.dumps(items).encode()
    return EventFactory(
        source=source, body=raw, event_type="", headers=b"content-type: application/json\nx-a: b\n",
        **fields,
    )  # fmt: skip


def settle_events(event: Event) -> Event:
    while services.process_chunk():
        pass
    event.refresh_from_db()
    return event


def items_of(event: Event) -> list[Event]:
    return list(Event.objects.filter(delivery=event).order_by("item_index"))


def bounce(name: str, **more: object) -> dict[str, object]:
    return {"sg_event_id": name, "event": "bounce", **more}


def test_delivery_becomes_one_event_for_each_item(source):
    raw = b'[ {"sg_event_id" : "a","event":"bounce", "n":1.0}, {"sg_event_id":"b","event":"open"}]'
    delivery = settle_events(EventFactory(source=source, body=raw, event_type=""))

    first, second = items_of(delivery)
    assert (delivery.status, delivery.route) == ("processed", "split into 2 (2 new)")
    assert first.raw == b'{"sg_event_id" : "a","event":"bounce", "n":1.0}'
    assert first.body_sha256 == hashlib.sha256(first.raw).hexdigest()
    assert [(e.event_id, e.event_type, e.item_index, e.status) for e in (first, second)] == [
        ("a", "bounce", 0, "processed"), ("b", "open", 1, "processed"),
    ]  # fmt: skip
    assert {e.correlation_id for e in (first, second)} == {delivery.correlation_id}
    assert {e.environment_id for e in (first, second)} == {source.environment_id}
    assert first.received_at == delivery.received_at


def test_item_without_an_id_is_known_by_its_delivery_and_its_place(source):
    delivery = settle_events(delivery_of(source, {"event": "a"}, 5, event_id="d1"))

    assert [event.event_id for event in items_of(delivery)] == ["d1#0", "d1#1"]


@pytest.mark.parametrize("name", ["x" * 500, "a\nb", "d1"])
def test_id_that_does_not_fit_is_still_one_id(source, name):
    delivery = settle_events(delivery_of(source, bounce(name), bounce("ok"), event_id="d1"))

    first, second = items_of(delivery)
    assert len(first.event_id) <= 128
    assert first.event_id.isprintable()
    assert (second.event_id, first.status) == ("ok", "processed")


def test_item_that_came_before_counts_as_a_duplicate_of_the_row_that_is_there(source):
    first = settle_events(delivery_of(source, bounce("a"), bounce("b")))
    second = settle_events(delivery_of(source, bounce("b"), bounce("c"), bounce("c")))

    assert second.route == "split into 3 (1 new)"
    assert [event.event_id for event in items_of(second)] == ["c"]
    counts = Event.objects.exclude(delivery=None).values_list("event_id", "duplicates")
    assert dict(counts) == {"a": 0, "b": 1, "c": 1}
    assert first.route == "split into 2 (2 new)"


def test_item_of_another_source_is_another_item(source):
    settle_events(delivery_of(source, bounce("a")))
    other = settle_events(delivery_of(SourceFactory(scheme="sendgrid"), bounce("a")))

    assert other.route == "split into 1 (1 new)"


def test_replayed_delivery_attaches_to_the_items_that_exist(source):
    delivery = settle_events(delivery_of(source, bounce("a"), bounce("a"), bounce("b")))
    before = set(Event.objects.values_list("pk", "duplicates", "attempts"))
    Event.objects.filter(pk=delivery.pk).update(
        status=EventStatus.RECEIVED, due_at=timezone.now(), replays=1, attempts=0
    )
    again = settle_events(delivery)

    assert again.route == "split into 3 (0 new)"
    assert set(Event.objects.values_list("pk", "duplicates", "attempts")) == before


def test_worker_lost_between_two_batches_leaves_the_rest_to_the_next(source, monkeypatch):
    monkeypatch.setattr(splitting, "BATCH", 2)
    original, calls = splitting._store, []

    def dying(delivery, rows):
        calls.append(rows)
        if len(calls) == 2:
            raise SystemExit
        return original(delivery, rows)

    delivery = delivery_of(source, *(bounce(str(number)) for number in range(5)))
    monkeypatch.setattr(splitting, "_store", dying)
    with pytest.raises(SystemExit):
        services.process_chunk()
    assert len(items_of(delivery)) == 2
    Event.objects.filter(pk=delivery.pk).update(due_at=timezone.now())

    again = settle_events(delivery)
    assert again.route == "split into 5 (5 new)"
    assert [event.duplicates for event in items_of(delivery)] == [0] * 5


@pytest.mark.parametrize("body", [b"{}", b"no json", b"", b'{"sg_event_id":"a"}', b"[1,"])
def test_body_that_is_not_the_list_it_should_be_is_dead_with_its_reason(source, body):
    event = settle_events(EventFactory(source=source, body=body))

    assert (event.status, event.attempts) == ("dead", 1)
    assert event.reason.startswith("It cannot be split into its events: The body is not")
    assert items_of(event) == []


def test_empty_delivery_is_processed(source):
    assert settle_events(delivery_of(source)).route == "split into 0 (0 new)"


def test_items_are_routed_with_their_own_content_and_their_deliverys_headers(source):
    RouteFactory(
        source=source, name="seen", effect=Effect.RECORD,
        when="body.n == 2 && headers['x-a'] == 'b' && event.type == 'bounce'",
    )  # fmt: skip
    delivery = settle_events(delivery_of(source, bounce("a", n=1), bounce("b", n=2)))

    assert [event.route for event in items_of(delivery)] == ["record (implicit)", "seen"]


def test_items_propose_actions_and_tell_policies_their_delivery(source):
    agent = AgentFactory(environment=source.environment)
    tool = ToolFactory(environment=source.environment)
    RouteFactory(
        source=source, effect=Effect.ACTION, agent=agent, tool=tool.name,
        arguments={"note": "body.email + ' in ' + event.delivery"},
    )  # fmt: skip
    delivery = settle_events(delivery_of(source, bounce("a", email="x@y"), bounce("b", email="z")))

    actions = list(Action.objects.order_by("id"))
    assert [action.arguments_value["note"] for action in actions] == [
        f"x@y in {delivery.public_id}", f"z in {delivery.public_id}",
    ]  # fmt: skip
    assert [action.source_event for action in actions] == [
        event.public_id for event in items_of(delivery)
    ]
    assert {action.facts["event"]["delivery"] for action in actions} == {delivery.public_id}


def test_items_start_runs(source):
    agent = AgentFactory(
        environment=source.environment, provider=ProviderFactory(environment=source.environment)
    )
    RouteFactory(
        source=source, effect=Effect.START_RUN, agent=agent, arguments={"task": "body.event"}
    )
    delivery = settle_events(delivery_of(source, bounce("a"), bounce("b")))

    assert Run.objects.count() == 2
    assert {event.run_id for event in items_of(delivery)} == set(
        Run.objects.values_list("pk", flat=True)
    )


def test_items_feed_runs():
    source = SourceFactory(
        scheme="custom",
        settings={
            "scheme": {"signature_headers": ["x-signature"], "split": {"items": "events"},
                       "id_fallback": "digest"}
        },
    )  # fmt: skip
    source.provider = ProviderFactory(environment=source.environment)
    source.save()
    raw = b'{"events":[{"event":"run.started","run_id":"r1"},{"event":"odd"},{"run_id":"r2"}]}'
    delivery = settle_events(EventFactory(source=source, body=raw))

    started, odd, broken = items_of(delivery)
    assert (started.status, odd.status, broken.status) == ("processed", "ignored", "dead")
    assert Run.objects.get().pk == started.run_id


def test_large_delivery_leaves_room_for_other_events(source, monkeypatch):
    monkeypatch.setattr(claiming, "CHUNK", 20)
    monkeypatch.setattr(claiming, "OTHERS", 10)
    delivery = delivery_of(source, *(bounce(str(number)) for number in range(100)))
    services.process_chunk()
    others = [EventFactory(source=SourceFactory()) for _ in range(5)]

    taken = claiming.claim_chunk()
    assert {event.pk for event in others} <= {event.pk for event in taken}
    assert len(taken) == 20
    assert Event.objects.get(pk=delivery.pk).status == "processed"


def test_thousands_of_items_are_stored_in_bounded_transactions(source, monkeypatch):
    delivery = delivery_of(source, *({"sg_event_id": str(n)} for n in range(2_000)))
    stored: list[int] = []
    original = splitting._store
    monkeypatch.setattr(
        splitting, "_store", lambda event, rows: stored.append(len(rows)) or original(event, rows)
    )

    assert splitting.split(delivery).route == "split into 2000 (2000 new)"
    assert max(stored) == splitting.BATCH
    assert Event.objects.filter(delivery=delivery, status="received").count() == 2_000


def test_microsofts_batch_becomes_its_notifications():
    source = SourceFactory(scheme="msgraph")
    named = {"id": "n1", "subscriptionId": "s1", "resource": "r", "changeType": "created"}
    lifecycle = {"subscriptionId": "s1", "lifecycleEvent": "missed"}

    def batch(event_id: str) -> Event:
        raw = json.dumps({"value": [named, lifecycle]}).encode()
        return settle_events(
            EventFactory(source=source, body=raw, event_type="", event_id=event_id)
        )

    first, again = batch("d1"), batch("d2")

    assert [(e.event_id, e.event_type) for e in items_of(first)] == [
        ("s1:r:created:n1", "created"), ("d1#1", "missed"),
    ]  # fmt: skip
    # What has an id is known again; of what has none, nobody can say whether it is the same.
    assert [e.event_id for e in items_of(again)] == ["d2#1"]
