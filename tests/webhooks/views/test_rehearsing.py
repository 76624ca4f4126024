"""A dry run shows route, fields and trouble, changes nothing, and is for who may replay."""

import html

import pytest

from audit.models import AuditRecord
from gateway.runs.models import Run
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.runs import RunFactory
from tests.factories.webhooks import EventFactory, RouteFactory, SourceFactory
from webhooks.models import Effect, Event
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
BODY = '{"order":"A\u202e-7","amount":12}'.encode()


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def source(met):
    return SourceFactory(environment=met.environment)


def event_of(source, **fields) -> Event:
    given = {"body": BODY, "status": EventStatus.PROCESSED, "due_at": None} | fields
    return EventFactory(source=source, **given)


def page(event) -> str:
    return at(event.environment, "webhooks:dry_run", event=event.public_id)


def shown(person, event, **query) -> str:
    answer = signed_in(person).get(page(event), query)
    assert answer.status_code == 200
    return html.unescape(text(answer))


def test_without_routes_it_would_only_be_recorded(met, source):
    assert "Only record" in shown(met.operator, event_of(source))


def test_the_route_and_what_would_be_filled_in_are_shown_and_nothing_happens(met, source):
    RunFactory(environment=met.environment)
    agent = AgentFactory(environment=met.environment)
    RouteFactory(
        source=source, name="triage", effect=Effect.START_RUN, agent=agent,
        arguments={"task": '"Look at " + body.order'},
    )  # fmt: skip
    event, runs = event_of(source), Run.objects.count()
    told = shown(met.operator, event)
    assert "triage" in told
    assert "Start a run" in told
    assert "Look at A" in told
    assert 'data-char="U+202E"' in told
    assert Run.objects.count() == runs
    event.refresh_from_db()
    assert event.status == EventStatus.PROCESSED
    assert AuditRecord.objects.filter(action="webhooks.event.body_read").count() == 1


def test_a_field_without_value_is_told_as_trouble(met, source):
    agent = AgentFactory(environment=met.environment)
    RouteFactory(
        source=source, name="odd", effect=Effect.START_RUN, agent=agent,
        arguments={"task": "body.nowhere"},
    )  # fmt: skip
    told = shown(met.operator, event_of(source))
    assert "would be given up" in told
    assert "nowhere" in told


def test_a_pruned_event_would_lead_to_nothing(met, source):
    event = event_of(source, body=None, body_sha256="0" * 64)
    assert "pruned" in shown(met.operator, event)
    offered = text(
        signed_in(met.operator).get(at(met.environment, "webhooks:event", event=event.public_id))
    )
    assert "dry-run" not in offered


def test_it_is_for_who_may_replay(met, source):
    event = event_of(source)
    assert signed_in(met.may_not).get(page(event)).status_code == 403
    assert signed_in(met.stranger).get(page(event)).status_code == 404


def test_a_replay_with_new_effects_is_ordered_by_its_tick(met, source):
    event = event_of(source)
    address = at(met.environment, "webhooks:replay", event=event.public_id)
    assert "checked" in text(signed_in(met.operator).get(address, {"as_new": "1"}))
    signed_in(met.operator).post(address, {"as_new": "on"})
    event.refresh_from_db()
    assert (event.status, event.replays, event.renewals) == (EventStatus.RECEIVED, 1, 1)
