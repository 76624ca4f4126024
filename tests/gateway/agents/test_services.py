"""Changing agents: one version more, recorded with what was before; nothing unclear is taken."""

import pytest

from approvals import executor
from approvals.services import propose
from audit.models import AuditRecord
from gateway.agents import services
from gateway.lib.errors import Refused, StaleState
from tests import people
from tests.factories.agents import AgentFactory, ProviderFactory
from tests.factories.tools import ToolFactory
from tests.invariants.scene import fakes, scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def agent(here):
    return AgentFactory(environment=here.environment, owner=here.member(here.owner))


def test_a_change_raises_the_version_and_says_before_and_after(here, agent):
    provider = ProviderFactory(environment=here.environment)
    tools = [{"name": "refund", "scope": "args.amount < 10"}]
    changed = services.update(agent, tools=tools, owner=here.member(here.may), provider=provider)
    assert changed.version == agent.version + 1
    record = AuditRecord.objects.get(action="agents.agent.changed")
    assert record.body_json["target"]["version"] == changed.version
    assert record.body_json["changes"] == {
        "tools": [[{"name": "*"}], tools],
        "owner": [here.member(here.owner).public_id, here.member(here.may).public_id],
        "provider": [None, provider.public_id],
    }


def test_what_stays_as_it_is_raises_nothing(agent):
    assert services.update(agent, name=agent.name).version == agent.version
    assert not AuditRecord.objects.filter(action="agents.agent.changed").exists()


def test_a_change_made_on_an_old_version_is_stale(agent):
    services.update(agent, name="First", version=agent.version)
    with pytest.raises(StaleState, match="version 2"):
        services.update(agent, name="Second", version=agent.version)
    agent.refresh_from_db()
    assert agent.name == "First"


def test_the_fault_of_a_scope_has_a_caret_under_it(agent):
    with pytest.raises(Refused) as refused:
        services.update(agent, tools=[{"name": "refund", "scope": "args.amount <\n  args.(x)"}])
    assert refused.value.code == "scope_invalid"
    assert refused.value.extra["line"] == 2
    assert refused.value.detail.split("\n")[-1].strip() == "^"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"tools": [{"name": "a"}, {"name": "a"}]}, "tool_twice"),
     ({"tools": [{"name": "a", "scope": 3}]}, "invalid"),
     ({"tools": [{"name": "a", "scope": "1 + 1"}]}, "scope_invalid"),
     ({"tools": [{"name": f"t{n}"} for n in range(201)]}, "invalid"),
     ({"caps": {"max_stps": 3}}, "unknown_cap"), ({"slug": "x"}, "unknown_field")],
)  # fmt: skip
def test_what_an_agent_cannot_be_is_refused_whole(agent, change, code):
    with pytest.raises(Refused) as refused:
        services.update(agent, name="New", **change)
    assert refused.value.code == code
    agent.refresh_from_db()
    assert (agent.name == "New", agent.version) == (False, 1)


def test_who_has_left_owns_nothing_new_and_keeps_nobody_from_switching_off(here, agent):
    owner = here.member(here.owner)
    type(owner).objects.filter(pk=owner.pk).update(deactivated_at=owner.created_at)
    other = AgentFactory(environment=here.environment)
    owner.refresh_from_db()
    with pytest.raises(Refused, match="active member"):
        services.update(other, owner=owner)
    with pytest.raises(Refused, match="active member"):
        services.update(other, owner=here.stranger.memberships.get())
    assert not services.update(agent, is_enabled=False).is_enabled


def test_a_fallback_is_another_provider_beside_one(here, agent):
    one, two = (ProviderFactory(environment=here.environment) for _ in range(2))
    with pytest.raises(Refused, match="fallback"):
        services.update(agent, fallback_provider=one)
    with pytest.raises(Refused, match="another one"):
        services.update(agent, provider=one, fallback_provider=one)
    services.update(agent, provider=one, fallback_provider=two)
    with pytest.raises(Refused, match="fallback"):
        services.update(agent, provider=None)


def test_tools_that_do_not_exist_are_told(here, agent):
    ToolFactory(environment=here.environment, name="refund")
    ToolFactory(environment=here.elsewhere, name="elsewhere")
    grants = [{"name": name} for name in ("*", "refund", "elsewhere")]
    assert services.unknown_tools(here.environment, grants) == ["elsewhere"]


def test_a_call_of_an_agent_that_was_switched_off_reaches_no_person(here, agent):
    ToolFactory(environment=here.environment, name="note")
    off = services.update(agent, is_enabled=False)
    action = propose(
        environment=here.environment, agent=off, tool_name="note", arguments={"note": "x"},
        requester=services.principal_of_agent(off),
    )  # fmt: skip
    assert (action.status, action.code) == ("invalid", "not_permitted")
    assert "switched off" in action.reason
    assert AuditRecord.objects.filter(
        action="approvals.action.found_invalid", target_id=action.public_id
    ).exists()


def test_what_people_approved_runs_only_within_the_scope_of_today():
    scenery = scene()
    inside, outside = (scenery.approved(arguments={"note": text}) for text in ("a", "b"))
    services.update(scenery.agent, tools=[{"name": "note", "scope": "args.note == 'a'"}])
    services.update(scenery.agent, is_enabled=False)
    with fakes() as (connector, _):
        for action in (inside, outside):
            executor.execute(str(action.pk))
            action.refresh_from_db()
        assert [call.arguments for call in connector.calls] == [{"note": "a"}]
    assert (inside.status, outside.status) == ("succeeded", "denied")
    assert outside.code == "not_permitted"
