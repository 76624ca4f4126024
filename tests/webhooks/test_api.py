"""Sources, events and providers by API."""

from datetime import UTC, datetime

import pytest

from gateway.agents.models import Provider
from tests import people
from tests.callers import key_of
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.webhooks import EventFactory, SecretFactory, SourceFactory
from webhooks.models import Event, Source
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


def test_a_source_of_its_own_scheme_is_described_in_its_settings(operator):
    described = {"scheme": {"signature_headers": ["X-Acme-Sign"], "id_fallback": "digest"}}
    custom = SOURCE | {"scheme": "custom", "settings": described}
    assert operator.post("sources", custom).status_code == 201
    for wrong in ({}, {"scheme": {"signature_headers": []}}, {"scheme": {"speed": 1}}):
        answer = operator.post("sources", custom | {"settings": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_scheme")


def made(operator) -> str:
    """The address of a new source in the API."""
    return f"sources/{operator.post('sources', SOURCE).json()['id']}"


def test_a_source_is_changed_where_it_is_named_and_nowhere_else(here, operator):
    source = made(operator)
    provider = ProviderFactory(environment=here.environment)
    first = {"settings": {"tolerance_s": 60, "rate_per_s": 5}, "provider": provider.slug}
    assert operator.send("patch", source, first).status_code == 200
    second = {"name": "Second", "enabled": False, "settings": {"rate_per_s": None}}
    shown = operator.send("patch", source, second).json()
    assert (shown["name"], shown["enabled"]) == ("Second", False)
    assert shown["settings"] == {"tolerance_s": 60}
    assert shown["provider"] == provider.public_id
    assert operator.send("patch", source, {"provider": None}).json()["provider"] is None


@pytest.mark.parametrize(
    "change",
    [{"scheme": "github"}, {"settings": {"speed": 1}}, {"provider": "nobody"}, {"enabled": "x"}],
)
def test_a_change_that_cannot_be_changes_nothing(operator, change):
    source = made(operator)
    before = operator.get(source).json()
    assert operator.send("patch", source, {"name": "Other"} | change).status_code == 422
    assert operator.get(source).json() == before


def test_a_secret_is_added_with_its_bounds_and_ended(operator):
    source = made(operator)
    bounds = {"not_before": "2030-01-01T00:00:00Z", "not_after": "2031-01-01T00:00:00Z"}
    answer = operator.post(f"{source}/secrets", {"value": SECRET} | bounds)
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert SECRET not in answer.content.decode()
    assert shown | bounds == shown
    assert operator.send("delete", f"{source}/secrets/{shown['id']}").status_code == 204
    ended = next(s for s in operator.get(source).json()["secrets"] if s["id"] == shown["id"])
    assert ended["not_after"] < "2030"
    assert operator.send("delete", f"{source}/secrets/sec_nothing").status_code == 404


def test_bounds_that_leave_no_time_are_refused(operator):
    source = made(operator)
    for bounds in (
        {"not_after": "2001-01-01T00:00:00Z"},
        {"not_before": "2031-01-01T00:00:00Z", "not_after": "2030-01-01T00:00:00Z"},
    ):
        answer = operator.post(f"{source}/secrets", {"value": SECRET} | bounds)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_secret")


def test_a_rotation_shows_the_secret_it_made_once(operator):
    source = made(operator)
    answer = operator.post(f"{source}/rotate", {}, Idempotency_Key="r1")
    assert answer.status_code == 201, answer.content
    assert answer.json()["value"].startswith("whsec_")
    again = operator.post(f"{source}/rotate", {}, Idempotency_Key="r1")
    assert again.json() == answer.json() | {"value": None}
    shown = operator.get(source)
    assert answer.json()["value"] not in shown.content.decode()
    old, new = shown.json()["secrets"]
    assert old["not_after"]
    assert (new["id"], new["not_after"]) == (answer.json()["id"], None)


def test_a_rotation_to_a_given_secret_does_not_repeat_it(operator):
    source = made(operator)
    answer = operator.post(f"{source}/rotate", {"value": SECRET, "overlap_s": 0})
    assert answer.json()["value"] is None
    assert operator.post(f"{source}/rotate", {"overlap_s": -1}).status_code == 422
    assert operator.post(f"{source}/rotate", {"value": "!!"}).status_code == 422
    assert len(operator.get(source).json()["secrets"]) == 2


def test_a_scheme_whose_provider_makes_the_keys_wants_the_new_one(here, operator):
    source = SourceFactory(environment=here.environment, scheme="discord")
    answer = operator.post(f"sources/{source.public_id}/rotate")
    assert (answer.status_code, answer.json()["code"]) == (422, "secret_needed")


def test_routes_are_replaced_whole_or_not_at_all(operator):
    source = made(operator)
    routes = [{"name": "b", "effect": "record"}, {"name": "a", "effect": "record"}]
    shown = operator.send("put", f"{source}/routes", {"routes": routes}).json()
    assert [route["name"] for route in shown["routes"]] == ["b", "a"]
    bad = {"routes": [{"name": "c", "effect": "record", "when": "event.("}]}
    assert operator.send("put", f"{source}/routes", bad).status_code == 422
    assert [r["name"] for r in operator.get(source).json()["routes"]] == ["b", "a"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "", {"name": "x"}),
        ("post", "/secrets", {"value": SECRET}),
        ("post", "/rotate", {}),
        ("put", "/routes", {"routes": []}),
    ],
)
def test_who_only_looks_configures_nothing_and_a_foreign_source_is_not_there(
    here, operator, method, path, body
):
    source = made(operator) + path
    foreign = f"sources/{SourceFactory(environment=here.elsewhere).public_id}{path}"
    assert key_of(here, here.may_not).send(method, source, body).status_code == 403
    assert operator.send(method, foreign, body).status_code == 404


def test_a_foreign_secret_is_not_ended(here, operator):
    own, other = made(operator), SecretFactory(source__environment=here.environment)
    assert operator.send("delete", f"{own}/secrets/{other.public_id}").status_code == 404
    assert key_of(here, here.may_not).send(
        "delete", f"{own}/secrets/{other.public_id}"
    ).status_code == 403  # fmt: skip
    other.refresh_from_db()
    assert other.not_after is None


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


def test_events_narrow_by_type_time_and_delivery(here, operator):
    source = SourceFactory(environment=here.environment)
    old = EventFactory(
        source=source, event_type="a.b", received_at=datetime(2026, 1, 2, tzinfo=UTC)
    )
    new = EventFactory(source=source, delivery=old, item_index=3)

    def found(**query):
        return [row["id"] for row in operator.get("events", query).json()["items"]]

    assert found(type="a.b") == found(until="2026-02-01T00:00:00Z") == [old.public_id]
    assert found(since="2026-02-01T00:00:00Z") == found(delivery=old.public_id) == [new.public_id]
    assert found(delivery="evt_nobody") == found(type="a") == []
    row = operator.get(f"events/{new.public_id}").json()
    assert (row["delivery"], row["item_index"]) == (old.public_id, 3)
    for query in ({"since": "yesterday"}, {"status": "lost"}):
        assert operator.get("events", query).status_code == 422


def test_a_replay_is_shown_before_it_is_ordered(here, operator):
    event = EventFactory(source__environment=here.environment, status=EventStatus.DEAD)
    shown = operator.post(f"events/{event.public_id}/replay", {"dry_run": True})

    assert shown.status_code == 200
    assert shown.json() == {
        "route": "record (implicit)", "effect": "record", "arguments": {}, "trouble": [],
        "note": "",
    }  # fmt: skip
    event.refresh_from_db()
    assert (event.status, event.replays) == ("dead", 0)
    assert operator.post(f"events/{event.public_id}/replay", {"dryrun": True}).status_code == 422


def test_a_replay_may_be_as_new(here, operator):
    event = EventFactory(source__environment=here.environment, status=EventStatus.DEAD)
    answer = operator.post(f"events/{event.public_id}/replay", {"as_new": True})

    assert (answer.status_code, answer.json()["renewals"]) == (202, 1)


def test_many_events_are_replayed_each_with_its_own_result(here, operator):
    source = SourceFactory(environment=here.environment)
    dead = [EventFactory(source=source, status=EventStatus.DEAD, due_at=None) for _ in range(3)]
    pruned = EventFactory(source=source, status=EventStatus.DEAD, due_at=None, body=None,
                          body_sha256="0" * 64)  # fmt: skip
    EventFactory(source=source)
    foreign = EventFactory(source__environment=here.elsewhere, status=EventStatus.DEAD)

    shown = operator.post("events/replay", {"status": "dead", "dry_run": True}).json()
    assert [row["event"] for row in shown["shown"]] == [e.public_id for e in (*dead, pruned)]
    assert Event.objects.filter(status="dead").count() == 5
    body = {"source": source.slug, "limit": 2}
    first = operator.post("events/replay", body)
    assert (first.status_code, first.json()["remaining"]) == (202, 2)
    second = operator.post("events/replay", {"events": [dead[2].public_id, pruned.public_id]})
    assert [(row["event"], row["code"]) for row in second.json()["results"]] == [
        (dead[2].public_id, ""), (pruned.public_id, "pruned"),
    ]  # fmt: skip
    none = operator.post("events/replay", {"events": [foreign.public_id]}).json()
    assert none["results"] == []
    foreign.refresh_from_db()
    assert foreign.status == "dead"


def test_many_events_are_never_simply_all(here, operator):
    for body in ({}, {"dry_run": True}, {"events": []}, {"events": ["evt_1"]}, {"all": True}):
        assert operator.post("events/replay", body).status_code == 422
    assert key_of(here, here.may).post("events/replay", {"status": "dead"}).status_code == 403
