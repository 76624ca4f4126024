"""A tool call through the gate: what it becomes, and what is kept of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve, cancel, propose, save_policy, undo
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.models import Agent
from gateway.agents.services import create_api_key, principal_of_agent
from gateway.lib.errors import Conflict, Refused
from gateway.lib.strictjson import parse_marked
from gateway.tenants import principals
from gateway.tenants.services import change_environment
from gateway.tools.services import save
from tests.factories.agents import AgentFactory
from tests.factories.connections import ConnectionFactory
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


def test_rule_sees_what_is_sensitive_and_the_facts_keep_only_the_path(agent: Agent) -> None:
    rule = {"name": "no cards", "when": "'card_number' in sensitive.kinds", "verdict": "deny"}
    save_policy(agent.environment, name="content", rules=[rule], comment="test")
    assert ask(agent).status == ActionStatus.PENDING
    action = ask(agent, arguments={"note": "4111 1111 1111 1111"})
    assert (action.status, action.rule) == (ActionStatus.DENIED, "no cards")
    assert action.facts["sensitive"] == {
        "count": 1,
        "kinds": ["card_number"],
        "paths": [{"path": "/args/note", "kind": "card_number"}],
        "preview": "none",
    }


def test_rule_sees_the_environments_own_word_lists(agent: Agent) -> None:
    rule = {"name": "secret", "when": "'list:projects' in sensitive.kinds", "verdict": "deny"}
    save_policy(agent.environment, name="content", rules=[rule], comment="test")
    change_environment(agent.environment, word_lists=[{"name": "projects", "words": ["Titan"]}])
    agent.refresh_from_db()
    assert ask(agent, arguments={"note": "the TITAN plan"}).status == ActionStatus.DENIED


def test_rule_sees_where_the_environment_and_the_service_are(people: People) -> None:
    change_environment(people.environment, region="eu")
    here = ConnectionFactory(environment=people.environment, region="us")
    tool = {**ToolDefinitionFactory(name="far"), "connection": here}
    save(people.environment, **tool)
    rule = {"name": "abroad", "when": "tool.region != env.region", "verdict": "deny"}
    save_policy(people.environment, name="region", rules=[rule], comment="test")
    people.environment.refresh_from_db()
    agent = AgentFactory(environment=people.environment)
    assert ask(agent, "far").rule == "abroad"


def test_history_counts_the_day_and_knows_the_first_use(agent: Agent) -> None:
    assert ask(agent).facts["history"] == {
        "calls_1h": 0, "calls_24h": 0, "succeeded_24h": 0, "refused_24h": 0, "same_target_24h": 0,
        "is_first_use": True,
    }  # fmt: skip
    now = timezone.now()
    ask(agent)
    Action.objects.update(
        created_at=now - timedelta(hours=3), status=ActionStatus.SUCCEEDED, approved_at=now
    )
    seen = ask(agent).facts["history"]
    assert (seen["calls_1h"], seen["calls_24h"], seen["succeeded_24h"]) == (0, 2, 2)
    assert seen["is_first_use"] is False
    Action.objects.update(created_at=now - timedelta(days=40))
    seen = ask(agent).facts["history"]
    assert (seen["calls_24h"], seen["is_first_use"]) == (0, False)


@pytest.mark.parametrize("status", sorted(ActionStatus))
def test_first_use_lasts_until_a_call_was_let_through(agent: Agent, status: ActionStatus) -> None:
    ask(agent)
    # Those that were approved before they came to nothing keep the time of it.
    was_approved = status not in {ActionStatus.PROPOSED, ActionStatus.INVALID, ActionStatus.PENDING}
    Action.objects.update(status=status, approved_at=timezone.now() if was_approved else None)
    let_through = {"approved", "executing", "succeeded", "failed", "unknown"}
    seen = ask(agent, arguments={"note": "another"}).facts["history"]
    assert seen["is_first_use"] is (status not in let_through)


def test_agent_cannot_use_up_its_first_time_by_withdrawing_it(people: People, agent: Agent) -> None:
    when = "history.is_first_use && tool.side_effect != 'read'"
    rules = [
        {"name": "stranger", "when": when, "verdict": "require_approval", "hold_s": 60},
        {"name": "known", "when": "true", "verdict": "allow"},
    ]
    save_policy(agent.environment, name="first", rules=rules, comment="test")
    key, _ = create_api_key(agent.environment, name="its own", agent=agent)
    for _ in range(2):
        action = ask(agent)
        assert (action.status, action.rule) == (ActionStatus.PENDING, "stranger")
        cancel(action=action, by=principals.of_key(key))
    by = people.principal(people.may)
    action = ask(agent)
    # Taken back in the hold, it was no use at all.
    undo(action=approve(action=action, by=by, digest=action.digest), by=by)
    action = ask(agent)
    assert action.rule == "stranger"
    approve(action=action, by=by, digest=action.digest)
    assert ask(agent).rule == "known"


def test_history_of_a_target_counts_what_was_asked_for_it(people: People) -> None:
    definition = ToolDefinitionFactory(name="aim", affected="'note:' + args.note")
    save(people.environment, **definition)
    agent = AgentFactory(environment=people.environment)
    for note in ("a", "b", "a"):
        action = ask(agent, "aim", arguments={"note": note})
    assert action.facts["history"]["same_target_24h"] == 1
    assert action.facts["affected"] == [{"kind": "note", "id": "a"}]


def test_tool_that_names_nobody_affects_nobody_for_the_rules(agent: Agent) -> None:
    assert ask(agent).facts["affected"] == []
