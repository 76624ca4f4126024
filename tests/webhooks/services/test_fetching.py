"""Thin events: what they are about is fetched once, kept with its digest, and decided upon."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from gateway.runs.models import Run
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks import services
from webhooks.models import Effect, Event
from webhooks.services import processing
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
THIN = {"id": "evt_1", "type": "response.completed", "data": {"id": "resp_1"}}
CONTENT = b'{"id":"resp_1", "status":"completed", "output":[{"name":"refund"}]}'


@pytest.fixture
def source():
    return SourceFactory(scheme="openai")


@pytest.fixture
def provider(source, peer: Any, settings):
    settings.OUTBOUND_ALLOW = [peer.host_port]
    made = ProviderFactory(environment=source.environment, adapter="openai", base_url=peer.url)
    source.provider = made
    source.save()
    return made


def event_of(source, body: object = THIN, **fields) -> Event:
    return EventFactory(source=source, body=json.dumps(body).encode(), event_type="", **fields)


def done(event: Event) -> Event:
    while services.process_chunk():
        pass
    event.refresh_from_db()
    return event


def test_what_a_thin_event_is_about_is_kept_with_its_digest_and_seen_by_routes(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(200, body=CONTENT)]
    RouteFactory(source=source, name="done", when="body.status == 'completed'", effect="record")
    event = done(event_of(source))

    assert (event.status, event.route, event.event_type) == (
        "processed", "done", "response.completed",
    )  # fmt: skip
    assert bytes(event.fetched) == CONTENT
    assert event.fetched_sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert event.fetched_at <= timezone.now()
    assert json.loads(event.raw) == THIN
    assert peer.requests[0].startswith(b"GET /v1/responses/resp_1 HTTP/1.1")
    assert f"X-Correlation-ID: {event.correlation_id}".encode() in peer.requests[0]


def test_fetched_content_fills_in_an_action(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(200, body=CONTENT)]
    tool = ToolFactory(environment=source.environment)
    RouteFactory(
        source=source, effect=Effect.ACTION, tool=tool.name,
        agent=AgentFactory(environment=source.environment),
        arguments={"note": "event.type + ' ' + body.output[0].name"},
    )  # fmt: skip
    done(event_of(source))

    assert Action.objects.get().arguments_value == {"note": "response.completed refund"}


def test_fetched_run_feeds_its_run(source, provider, peer: Any, answering: Callable[..., Any]):
    provider.adapter = "generic"
    provider.save()
    ToolFactory(environment=source.environment, name="refund")
    run = {
        "run_id": "r1", "status": "tool_required",
        "tool_call": {"id": "c1", "name": "refund", "arguments": {"note": "x"}},
    }  # fmt: skip
    peer.scripts = [answering(200, body=json.dumps(run).encode())]
    event = done(event_of(source, {"event": "run.tool_required", "run_id": "r1"}))

    assert (event.status, event.run_id) == ("processed", Run.objects.get().pk)
    assert Action.objects.get().call_id == "c1"


def test_provider_of_a_route_is_asked_where_the_source_has_none(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    source.provider = None
    source.save()
    peer.scripts = [answering(200, body=CONTENT)]
    RouteFactory(source=source, when="body.status == 'failed'", effect="run", provider=provider)
    event = done(event_of(source))

    assert (event.route, bytes(event.fetched)) == ("record (implicit)", CONTENT)


def test_thin_event_without_a_provider_is_recorded_as_it_is(source, peer: Any):
    RouteFactory(source=source, name="thin", when="body.data.id == 'resp_1'", effect="record")
    event = done(event_of(source))

    assert (event.status, event.route, event.fetched_at) == ("processed", "thin", None)
    assert peer.accepted == 0


def test_complete_event_asks_nobody(source, provider, peer: Any):
    RouteFactory(source=source, effect="record")
    event = done(event_of(source, {"type": "realtime.call.incoming", "data": {"call_id": "c"}}))

    assert (event.status, event.fetched_at, peer.accepted) == ("processed", None, 0)


def test_second_try_uses_what_was_fetched(
    source, provider, peer: Any, answering: Callable[..., Any], monkeypatch
):
    peer.scripts = [answering(200, body=CONTENT), answering(500)]
    RouteFactory(source=source, name="done", when="body.status == 'completed'", effect="record")
    event = event_of(source)
    monkeypatch.setattr("webhooks.services.effects.routing.choose", lambda *_: 1 / 0)
    services.process_chunk()
    event.refresh_from_db()
    assert (event.status, bytes(event.fetched)) == ("failed", CONTENT)
    monkeypatch.undo()
    Event.objects.update(due_at=timezone.now())

    assert done(event).route == "done"
    assert peer.accepted == 1
    Event.objects.update(status=EventStatus.RECEIVED, due_at=timezone.now())
    assert done(event).route == "done"
    assert peer.accepted == 1


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 503])
def test_provider_that_does_not_tell_is_asked_again_later(
    source, provider, peer: Any, answering: Callable[..., Any], status: int
):
    peer.scripts = [answering(status), answering(200, body=CONTENT)]
    RouteFactory(source=source, name="done", effect="record", when="body.status != ''")
    event = event_of(source)
    services.process_chunk()
    event.refresh_from_db()

    assert event.status == "failed"
    assert f"status {status}" in event.reason
    assert event.due_at > timezone.now()
    assert "done" not in event.route
    Event.objects.update(due_at=timezone.now())
    assert done(event).route == "done"


def test_wait_that_the_provider_asks_for_is_kept(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(429, "Retry-After: 120")]
    event = event_of(source)
    services.process_chunk()
    event.refresh_from_db()

    assert 100 < (event.due_at - timezone.now()).total_seconds() <= 120


def test_answer_that_is_not_json_is_not_kept(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(200, body=b"<html>")]
    event = event_of(source)
    services.process_chunk()
    event.refresh_from_db()

    assert (event.status, event.fetched, event.fetched_sha256) == ("failed", None, "")
    assert "not JSON" in event.reason


def test_event_is_dead_with_its_reason_after_its_last_try(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(500)]
    event = event_of(source, attempts=processing.MAX_ATTEMPTS - 1)
    services.process_chunk()
    event.refresh_from_db()

    assert event.status == "dead"
    assert event.reason == (
        f"{provider} was asked what it is about: The provider answered with status 500."
    )


@pytest.mark.parametrize("status", [400, 410, 422])
def test_answer_that_never_changes_ends_it_at_once(
    source, provider, peer: Any, answering: Callable[..., Any], status: int
):
    peer.scripts = [answering(status)]

    assert done(event_of(source)).status == "dead"
    assert peer.accepted == 1


def test_address_that_may_not_be_reached_ends_it_at_once(source, provider, peer: Any, settings):
    settings.OUTBOUND_ALLOW = []

    assert done(event_of(source)).status == "dead"
    assert peer.accepted == 0


def test_id_that_cannot_be_one_ends_it_at_once(source, provider, peer: Any):
    event = done(event_of(source, {"type": "response.completed", "data": {"id": "../x"}}))

    assert event.status == "dead"
    assert "names no id" in event.reason
    assert peer.accepted == 0


def test_provider_whose_runs_cannot_be_fed_yet_says_what_to_do(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    peer.scripts = [answering(200, body=CONTENT)]
    event = done(event_of(source))

    assert (event.status, bytes(event.fetched)) == ("dead", CONTENT)
    assert "not supported yet; add a route" in event.reason
    RouteFactory(source=source, name="keep", effect="record")
    Event.objects.update(status=EventStatus.RECEIVED, due_at=timezone.now())
    assert done(event).route == "keep"


def test_worker_that_lost_its_lease_keeps_nothing(
    source, provider, peer: Any, answering: Callable[..., Any]
):
    from webhooks.services import claiming, fetching
    from webhooks.services.outcomes import Later

    peer.scripts = [answering(200, body=CONTENT)]
    event_of(source)
    (slow,) = claiming.claim_chunk()
    Event.objects.update(due_at=timezone.now())
    claiming.claim_chunk()

    with pytest.raises(Later, match="Another worker"):
        fetching.fetch_once(slow)
    assert Event.objects.get().fetched is None
