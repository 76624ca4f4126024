"""Agents and keys by API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from gateway.agents.models import Agent
from gateway.tenants.models import ApiKey
from tests import people
from tests.callers import by_key, key_for, key_of
from tests.factories.agents import AgentFactory, ProviderFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


def test_an_agent_is_made_with_owner_provider_and_scopes(here, admin):
    provider = ProviderFactory(environment=here.environment)
    tools = [{"name": "refund", "scope": "args.amount < 10"}]
    answer = admin.post(
        "agents",
        {"slug": "helper", "name": "Helper", "owner": here.owner.email, "provider": provider.slug,
         "tools": tools},
    )  # fmt: skip
    assert answer.status_code == 201, answer.content
    agent = Agent.objects.get(slug="helper")
    assert (agent.owner.user, agent.provider, agent.tools) == (here.owner, provider, tools)
    assert admin.get("agents/helper").json() == answer.json()
    assert admin.get(f"agents/{agent.public_id}").json() == answer.json()


@pytest.mark.parametrize(
    ("field", "value"),
    [("owner", "nobody@example.com"), ("provider", "nothing"), ("tools", [{"name": "x", "y": 1}]),
     ("tools", [{"name": "x", "scope": "args.("}])],
)  # fmt: skip
def test_what_does_not_exist_or_compile_is_refused(admin, field, value):
    answer = admin.post("agents", {"slug": "helper", "name": "Helper", field: value})
    assert answer.status_code == 422
    assert not Agent.objects.exists()


def test_an_agent_is_changed_by_its_slug_or_id(here, admin):
    agent = AgentFactory(environment=here.environment, owner=here.member(here.owner))
    caps = {"max_tool_calls": 3}
    body = {"caps": caps, "enabled": False, "owner": None, "tools": [{"name": "nothing"}]}
    answer = admin.send("patch", f"agents/{agent.slug}", body | {"version": 1})
    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["version"], shown["caps"], shown["enabled"]) == (2, caps, False)
    assert (shown["owner"], shown["name"]) == (None, agent.name)
    assert "'nothing'" in shown["warnings"][0]
    assert admin.get(f"agents/{agent.public_id}").json() == shown
    assert admin.send("patch", f"agents/{agent.slug}", body | {"version": 1}).status_code == 409


@pytest.mark.parametrize(
    ("body", "code"),
    [({"caps": {"max_stps": 1}}, "invalid"), ({"fallback_provider": "nothing"}, "unknown_provider"),
     ({"owner": "nobody@example.com"}, "unknown_member"), ({"slug": "new"}, "invalid"),
     ({"tools": [{"name": "a", "scope": "args.("}]}, "scope_invalid")],
)  # fmt: skip
def test_a_bad_change_changes_nothing(here, admin, body, code):
    agent = AgentFactory(environment=here.environment)
    answer = admin.send("patch", f"agents/{agent.slug}", {"name": "New"} | body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    agent.refresh_from_db()
    assert agent.version == 1


def test_only_an_admin_changes_agents(here):
    agent = AgentFactory(environment=here.environment)
    for caller in (key_of(here, here.operator), key_of(here, here.may), key_for(agent)):
        assert caller.send("patch", f"agents/{agent.slug}", {"enabled": False}).status_code == 403
    foreign = AgentFactory(environment=here.elsewhere)
    admin = key_of(here, here.admin)
    assert admin.send("patch", f"agents/{foreign.public_id}", {"name": "x"}).status_code == 404


def test_a_provider_of_elsewhere_does_not_exist_here(here, admin):
    foreign = ProviderFactory(environment=here.elsewhere)
    body = {"slug": "helper", "name": "Helper", "provider": foreign.public_id}
    assert admin.post("agents", body).json()["code"] == "unknown_provider"


def test_agents_of_elsewhere_are_not_seen(here, admin):
    foreign = AgentFactory(environment=here.elsewhere)
    assert admin.get(f"agents/{foreign.public_id}").status_code == 404
    assert admin.get("agents").json()["items"] == []


def test_the_text_of_a_key_is_shown_once(here, admin):
    agent = AgentFactory(environment=here.environment)
    made = admin.post("api-keys", {"name": "robot", "agent": agent.slug}).json()
    assert by_key(made["key"]).get("actions").status_code == 200
    shown = admin.get(f"api-keys/{made['id']}").json()
    assert "key" not in shown
    assert (shown["agent"], shown["prefix"]) == (agent.public_id, made["key"][:12])


def test_a_key_says_who_made_it_and_nobody_else_can_be_named(here, admin):
    made = admin.post("api-keys", {"name": "robot"}).json()
    assert made["made_by"] == here.admin.public_id
    assert admin.get(f"api-keys/{made['id']}").json()["made_by"] == here.admin.public_id
    other = {"name": "robot", "made_by": here.may.public_id}
    assert admin.post("api-keys", other).status_code == 422


def test_of_a_key_made_before_nobody_knows_who_made_it(here, admin):
    key_for(AgentFactory(environment=here.environment))
    assert {key["made_by"] for key in admin.get("api-keys").json()["items"]} == {None}


def test_a_key_without_agent_gets_one_of_its_own(admin):
    made = admin.post("api-keys", {"name": "robot"}).json()
    assert Agent.objects.get().public_id == made["agent"]


def test_a_revoked_key_lets_nobody_in(here, admin):
    made = admin.post("api-keys", {"name": "robot"}).json()
    first = admin.post(f"api-keys/{made['id']}/revoke").json()["revoked_at"]
    assert by_key(made["key"]).get("actions").status_code == 401
    assert admin.post(f"api-keys/{made['id']}/revoke").json()["revoked_at"] == first


def test_a_member_makes_a_key_for_oneself_only(here, admin):
    own = admin.post("api-keys", {"name": "mine", "member": here.admin.email})
    assert own.status_code == 201
    other = admin.post("api-keys", {"name": "yours", "member": here.may.email})
    assert other.status_code == 403
    assert not ApiKey.objects.filter(name="yours").exists()


def test_a_narrowed_key_makes_no_wider_one(here):
    narrow = key_of(here, here.admin, scopes=["agents.change_api_key", "approvals.view_action"])
    body = {"name": "wide", "member": here.admin.email}
    assert narrow.post("api-keys", body).status_code == 422
    wide = {**body, "scopes": ["approvals.decide_action"]}
    assert narrow.post("api-keys", wide).status_code == 422
    assert narrow.post("api-keys", {**body, "scopes": ["approvals.view_action"]}).status_code == 201


def test_a_narrowed_key_makes_no_machine_that_may_more(here):
    narrow = key_of(here, here.admin, scopes=["agents.change_api_key", "approvals.view_action"])
    assert narrow.post("api-keys", {"name": "robot"}).status_code == 422
    wide = {"name": "robot", "scopes": ["approvals.propose_action"]}
    assert narrow.post("api-keys", wide).status_code == 422
    assert not Agent.objects.exists()
    fits = {"name": "robot", "scopes": ["approvals.view_action"]}
    assert narrow.post("api-keys", fits).status_code == 201


def test_a_key_that_ends_makes_none_that_lasts_longer(here):
    ends = timezone.now() + timedelta(days=1)
    short = key_of(here, here.admin, expires_at=ends)
    later = {"name": "robot", "expires_at": (ends + timedelta(seconds=1)).isoformat()}
    assert short.post("api-keys", later).status_code == 422
    made = short.post("api-keys", {"name": "robot"}).json()
    assert ApiKey.objects.get(prefix=made["prefix"]).expires_at == ends


def test_a_machine_makes_no_keys(here):
    machine = key_for(AgentFactory(environment=here.environment))
    assert machine.post("api-keys", {"name": "more"}).status_code == 403
