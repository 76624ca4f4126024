"""A tool call through the gate: what it becomes, and what is kept of it."""

from typing import Any

import pytest

from approvals.models import Action
from approvals.services import propose, save_policy
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.agents.services import principal_of_agent
from gateway.lib.errors import Conflict, Refused
from gateway.lib.strictjson import parse_marked
from gateway.tools.services import save
from tests.factories.agents import AgentFactory
from tests.factories.tools import ToolDefinitionFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def agent(people: People) -> Agent:
    save(people.environment, **ToolDefinitionFactory(name="note"))
    save(people.environment, **ToolDefinitionFactory(name="look", side_effect="read"))
    return AgentFactory(environment=people.environment, owner=people.member(people.owner))


def ask(agent: Agent, tool: str = "note", arguments: Any = None, **more: Any) -> Action:
    return propose(
        environment=agent.environment,
        agent=agent,
        tool_name=tool,
        arguments={"note": "hello"} if arguments is None else arguments,
        requester=principal_of_agent(agent),
        **more,
    )


def test_write_waits_for_one_reviewer_by_default(agent: Agent) -> None:
    action = ask(agent)
    assert (action.status, action.rule) == (ActionStatus.PENDING, "default")
    assert action.requirement is not None
    assert action.requirement["quorum"] == 1
    assert action.effect == "Write the note hello"
    assert len(action.digest) == 64


def test_read_is_allowed_at_once(agent: Agent) -> None:
    action = ask(agent, "look")
    assert action.status == ActionStatus.APPROVED
    assert action.due_at is not None


def test_unknown_tool_is_invalid_and_reaches_no_person(agent: Agent) -> None:
    action = ask(agent, "rm_rf")
    assert (action.status, action.code) == (ActionStatus.INVALID, "not_permitted")
    assert action.tool_version is None


def test_arguments_outside_the_agents_scope_are_not_permitted(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(
        tools=[{"name": "note", "scope": 'args.note == "hello"'}]
    )
    agent.refresh_from_db()
    assert ask(agent).status == ActionStatus.PENDING
    outside = ask(agent, arguments={"note": "other"})
    assert (outside.status, outside.code) == (ActionStatus.INVALID, "not_permitted")


def test_arguments_that_the_schema_refuses_are_invalid(agent: Agent) -> None:
    action = ask(agent, arguments={"note": "hello", "bcc": "eve"})
    assert (action.status, action.code) == (ActionStatus.INVALID, "invalid")
    assert "bcc" in action.reason


def test_arguments_with_two_meanings_leave_only_their_digest(agent: Agent) -> None:
    marked = parse_marked(b'{"arguments": {"note": "a", "note": "b"}}')["arguments"]  # type: ignore[index,call-overload]
    action = ask(agent, arguments=marked)
    assert (action.status, action.code) == (ActionStatus.INVALID, "invalid")
    assert action.arguments == ""
    assert len(action.arguments_sha256) == 64


def test_same_call_gives_the_same_action_and_other_arguments_conflict(agent: Agent) -> None:
    first = ask(agent, call_id="c1")
    assert ask(agent, call_id="c1").pk == first.pk
    with pytest.raises(Conflict) as refused:
        ask(agent, call_id="c1", arguments={"note": "other"})
    assert refused.value.code == "call_id_conflict"
    assert refused.value.extra["action"] == first.public_id
    assert Action.objects.count() == 1


def test_equal_arguments_under_other_ids_are_two_actions(agent: Agent) -> None:
    assert ask(agent, call_id="c1").pk != ask(agent, call_id="c2").pk


def test_policy_denies_with_its_reason(agent: Agent) -> None:
    rules = [{"name": "no", "when": "true", "verdict": "deny", "reason": "Closed on Sundays."}]
    save_policy(agent.environment, name="shut", rules=rules, comment="test")
    action = ask(agent)
    assert (action.status, action.reason) == (ActionStatus.DENIED, "Closed on Sundays.")


def test_policy_that_does_not_compile_is_refused_with_the_place(people: People) -> None:
    rules = [{"name": "typo", "when": "argz.note == 1", "verdict": "deny"}]
    with pytest.raises(Refused, match="argz"):
        save_policy(people.environment, name="broken", rules=rules, comment="test")


def test_proposal_and_verdict_are_audited_in_the_same_breath(agent: Agent) -> None:
    action = ask(agent, correlation_id="cor_test")
    found = AuditRecord.objects.filter(target_id=action.public_id).order_by("id")
    assert [record.action for record in found] == [
        "approvals.action.proposed",
        "approvals.action.sent_to_review",
    ]
    assert found[0].actor_kind == "agent"
