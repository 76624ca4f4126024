"""Sources, events and providers by API."""

import pytest

from gateway.agents.models import Provider
from tests import people
from tests.callers import key_of
from tests.factories.agents import AgentFactory
from tests.factories.webhooks import EventFactory, SourceFactory
from webhooks.models import Source
from webhooks.states import EventStatus

pytestmark = pytest.mark.django_db
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - a published example
SOURCE = {"name": "Lab", "scheme": "standard", "secrets": [{"value": SECRET}]}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def operator(here):
    return key_of(here, here.operator)


def test_a_source_gets_an_address_that_cannot_be_guessed(operator):
    answer = operator.post("sources", SOURCE)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert "/webhooks/in_" in shown["url"]
    assert SECRET not in answer.content.decode() + operator.get("sources").content.decode()
    assert len(shown["secrets"]) == 1
    assert operator.get(f"sources/{shown['id']}").json() == shown


def test_a_chosen_slug_makes_the_address(here, operator):
    shown = operator.post("sources", SOURCE | {"slug": "lab"}).json()
    assert shown["url"].endswith(f"/webhooks/{here.environment.tenant.slug}.lab")
    assert operator.post("sources", SOURCE | {"slug": "lab"}).json()["code"] == "slug_in_use"


def test_routes_name_agents_by_slug(here, operator):
    agent = AgentFactory(environment=here.environment, slug="helper")
    route = {
        "name": "tickets", "when": "event.type == 'ticket'", "effect": "action",
        "agent": "helper", "tool": "note", "arguments": {"note": "body.text"},
    }  # fmt: skip
    shown = operator.post("sources", SOURCE | {"routes": [route]}).json()
    assert shown["routes"] == [route | {"agent": agent.public_id, "provider": None}]
    assert Source.objects.get().routes.get().edited_by == here.operator


@pytest.mark.parametrize(
    "change",
    [
        {"scheme": "none"},
        {"secrets": []},
        {"secrets": [{"value": "!!"}]},
        {"settings": {"speed": 1}},
        {"settings": {"tolerance_s": "x"}},
        {"routes": [{"name": "r", "effect": "action"}]},
        {"routes": [{"name": "r", "effect": "record", "when": "event.("}]},
        {"routes": [{"name": "r", "effect": "start_run", "agent": "nobody"}]},
    ],
)
def test_a_source_that_cannot_be_is_refused(operator, change):
    assert operator.post("sources", SOURCE | change).status_code == 422
    assert not Source.objects.exists()


def test_a_provider_is_bound_to_its_source(here):
    admin = key_of(here, here.admin)
    source = SourceFactory(environment=here.environment)
    body = {
        "slug": "lab", "adapter": "generic", "base_url": "https://lab.example.com",
        "api_key": "key-of-the-lab", "source": source.slug,
    }  # fmt: skip
    answer = admin.post("providers", body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["sources"] == [source.public_id]
    assert "key-of-the-lab" not in answer.content.decode()
    source.refresh_from_db()
    assert source.provider.slug == "lab"


def test_a_provider_with_an_unknown_source_is_not_made(here):
    foreign = SourceFactory(environment=here.elsewhere)
    body = {
        "slug": "lab", "adapter": "generic", "base_url": "https://lab.example.com",
        "api_key": "k", "source": foreign.public_id,
    }  # fmt: skip
    assert key_of(here, here.admin).post("providers", body).json()["code"] == "unknown_source"
    assert not Provider.objects.exists()


def test_a_finished_event_is_replayed(here, operator):
    event = EventFactory(source__environment=here.environment, status=EventStatus.PROCESSED)
    assert key_of(here, here.may).post(f"events/{event.public_id}/replay").status_code == 403
    answer = operator.post(f"events/{event.public_id}/replay")
    assert (answer.status_code, answer.json()["status"]) == (202, "received")
    assert operator.post(f"events/{event.public_id}/replay").status_code == 422


def test_an_event_is_released_from_quarantine(here, operator):
    event = EventFactory(source__environment=here.environment, status=EventStatus.QUARANTINED)
    assert operator.post(f"events/{event.public_id}/release").json()["status"] == "received"
    assert operator.post(f"events/{event.public_id}/release", {"now": 1}).status_code == 422


def test_events_narrow_and_stay_in_their_environment(here, operator):
    own = EventFactory(source__environment=here.environment, status=EventStatus.PROCESSED)
    foreign = EventFactory(source__environment=here.elsewhere)

    def found(**query):
        return [row["id"] for row in operator.get("events", query).json()["items"]]

    assert found() == found(status="processed") == found(source=own.source.slug) == [own.public_id]
    assert found(status="dead") == found(source=foreign.source.slug) == []
    assert operator.get(f"events/{foreign.public_id}").status_code == 404
    assert operator.post(f"events/{foreign.public_id}/replay").status_code == 404
