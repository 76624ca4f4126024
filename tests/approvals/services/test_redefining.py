"""A tool's definition changed after the proposal, or after the approval: the exact outcomes."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action, ActionVersion
from approvals.services import approve, cancel, due, follow_tool, propose, redefining, reject, sweep
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.agents.services import principal_of_agent
from gateway.connectors import registry
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Denied, StaleState
from gateway.tools import services as tools
from gateway.tools.models import Tool
from tests.factories.agents import AgentFactory
from tests.factories.approvals import PolicyFactory
from tests.factories.budgets import BudgetFactory
from tests.factories.tenants import GroupFactory
from tests.factories.tools import ToolDefinitionFactory, strict
from tests.invariants.scene import scene
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def fake() -> Iterator[FakeConnector]:
    connector = registry.connector("fake")
    assert isinstance(connector, FakeConnector)
    connector.calls.clear()
    connector.effects.clear()
    yield connector
    connector.calls.clear()
    connector.effects.clear()


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the sweep rings for."""
    heard: list[Any] = []
    monkeypatch.setattr(due, "ring_again", lambda name, *ids, **_: heard.append((name, ids)))
    return heard


def define(people: People, **changes: Any) -> Tool:
    return tools.save(people.environment, **ToolDefinitionFactory(name="note", **changes))


def wait(people: People, **changes: Any) -> Action:
    """A pending action of the tool `note`."""
    define(people, **changes)
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    return propose(
        environment=people.environment, agent=agent, tool_name="note",
        arguments={"note": "hello"}, requester=principal_of_agent(agent),
    )  # fmt: skip


def vote(people: People, action: Action, user: Any = None) -> Action:
    by = people.principal(user or people.may)
    return approve(action=action, by=by, digest=action.digest)


def follow(tool: Tool, action: Action) -> Action:
    follow_tool(str(tool.pk))
    action.refresh_from_db()
    return action


def test_what_waits_becomes_a_new_version_without_the_votes_of_the_old(people: People) -> None:
    PolicyFactory(
        environment=people.environment,
        rules=[{"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}],
    )
    action = vote(people, wait(people))
    old = action.digest
    action = follow(define(people, effect="Publish {{ note }}", risk="high"), action)
    assert (action.status, action.version) == (ActionStatus.PENDING, 2)
    assert (action.effect, action.risk) == ("Publish hello", "high")
    assert action.tool_version is not None
    assert action.tool_version.number == 2
    assert action.digest != old
    assert action.approvals.filter(void_at=None).count() == 0
    assert [v.origin for v in ActionVersion.objects.filter(action=action)] == [
        "proposed",
        "redefined",
    ]
    assert AuditRecord.objects.filter(action="approvals.action.redefined").count() == 1
    vote(people, action, people.second)


def test_what_does_not_fit_any_more_is_invalid_and_says_why(people: People) -> None:
    action = wait(people)
    both = strict(note={"type": "string"}, reason={"type": "string"})
    action = follow(define(people, input_schema=both), action)
    assert (action.status, action.code) == (ActionStatus.INVALID, "invalid")
    assert "definition changed" in action.reason
    assert "reason" in action.reason
    assert action.settled_at is not None


def test_a_vote_for_a_definition_that_is_gone_is_refused(people: People) -> None:
    action = wait(people)
    define(people, risk="high")
    with pytest.raises(StaleState, match="definition changed"):
        vote(people, action)
    assert action.approvals.count() == 0
    by = people.principal(people.may)
    rejected = reject(action=action, by=by, digest=action.digest, reason="No.")
    assert rejected.status == ActionStatus.REJECTED


def test_what_was_approved_goes_back_to_people_and_does_not_run(
    people: People, fake: FakeConnector
) -> None:
    action = vote(people, wait(people))
    assert action.status == ActionStatus.APPROVED
    tool = define(people, effect="Publish {{ note }}")
    executor.execute(str(action.pk))
    assert fake.calls == []
    action = follow(tool, action)
    assert (action.status, action.version) == (ActionStatus.PENDING, 2)
    assert action.execute_by is None
    assert action.decide_by is not None
    action = vote(people, action)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    assert len(fake.calls) == 1


def test_what_was_approved_and_does_not_fit_is_invalid_by_way_of_review(people: People) -> None:
    action = vote(people, wait(people))
    other = strict(text={"type": "string"})
    action = follow(define(people, input_schema=other, effect="{{ text }}"), action)
    assert action.status == ActionStatus.INVALID
    assert action.approvals.filter(void_at=None).count() == 0


def test_what_policy_allowed_goes_on_under_the_new_definition(
    people: People, fake: FakeConnector
) -> None:
    rule = {"name": "all", "when": "true", "verdict": "allow"}
    PolicyFactory(environment=people.environment, rules=[rule])
    action = wait(people)
    assert action.status == ActionStatus.APPROVED
    tool = define(people, effect="Publish {{ note }}")
    executor.execute(str(action.pk))
    assert fake.calls == []
    action = follow(tool, action)
    assert (action.status, action.version) == (ActionStatus.APPROVED, 2)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


def test_people_who_were_asked_stay_asked_when_policy_has_become_milder(people: People) -> None:
    action = vote(people, wait(people))
    rule = {"name": "all", "when": "true", "verdict": "allow"}
    PolicyFactory(environment=people.environment, rules=[rule])
    action = follow(define(people, risk="low"), action)
    assert action.status == ActionStatus.PENDING


def test_a_deny_of_the_new_definition_denies(people: People) -> None:
    rule = {"name": "no", "when": 'tool.risk == "critical"', "verdict": "deny"}
    PolicyFactory(environment=people.environment, rules=[rule])
    action = wait(people)
    action = follow(define(people, risk="critical"), action)
    assert action.status == ActionStatus.DENIED


def test_the_sweep_rings_for_what_is_behind(people: People, rung: Any) -> None:
    action = wait(people)
    tool = define(people, risk="high")
    rung.clear()
    sweep()
    assert ("follow_tool", (str(tool.pk),)) in rung
    follow(tool, action)
    rung.clear()
    sweep()
    assert ("follow_tool", (str(tool.pk),)) not in rung


def test_what_a_tool_in_doubt_would_do_waits_and_is_not_decided(
    people: People, fake: FakeConnector
) -> None:
    approved, waiting = vote(people, wait(people)), wait(people)
    Tool.objects.update(drifted_at=timezone.now())
    executor.execute(str(approved.pk))
    approved.refresh_from_db()
    assert (approved.status, fake.calls) == (ActionStatus.APPROVED, [])
    with pytest.raises(StaleState, match="administrator"):
        vote(people, waiting)
    Tool.objects.update(drifted_at=None)
    executor.execute(str(approved.pk))
    approved.refresh_from_db()
    assert approved.status == ActionStatus.SUCCEEDED
    vote(people, waiting)


def test_what_policy_would_allow_waits_while_the_tool_is_in_doubt(people: People) -> None:
    rule = {"name": "all", "when": "true", "verdict": "allow"}
    PolicyFactory(environment=people.environment, rules=[rule])
    define(people)
    Tool.objects.update(drifted_at=timezone.now())
    agent = AgentFactory(environment=people.environment)
    action = propose(
        environment=people.environment, agent=agent, tool_name="note",
        arguments={"note": "x"}, requester=principal_of_agent(agent),
    )  # fmt: skip
    assert (action.status, action.code) == (ActionStatus.PENDING, "definition_changed")


def test_the_tools_reviewers_are_asked_where_the_rule_names_nobody(people: People) -> None:
    group = GroupFactory(tenant=people.environment.tenant, slug="finance")
    group.members.add(people.member(people.second))
    action = wait(people, reviewers=["group:finance"])
    assert action.requirement is not None
    assert action.requirement["reviewers"] == ["group:finance"]
    with pytest.raises(Denied):
        vote(people, action)
    assert vote(people, action, people.second).status == ActionStatus.APPROVED


def test_a_rule_that_names_somebody_wins_over_the_tool(people: People) -> None:
    GroupFactory(tenant=people.environment.tenant, slug="finance")
    rule = {
        "name": "r", "when": "true", "verdict": "require_approval", "reviewers": ["role:reviewer"],
    }  # fmt: skip
    PolicyFactory(environment=people.environment, rules=[rule])
    action = wait(people, reviewers=["group:finance"])
    assert vote(people, action).status == ActionStatus.APPROVED


def test_what_fits_no_budget_under_the_new_definition_ends_and_the_next_one_goes_on(
    people: People,
) -> None:
    rule = {"name": "all", "when": "true", "verdict": "allow"}
    PolicyFactory(environment=people.environment, rules=[rule])
    first, second = wait(people), wait(people)
    slug = first.agent.slug
    BudgetFactory(environment=people.environment, scope="agent", value=slug, limit=0)
    tool = define(people, effect="Publish {{ note }}")

    assert follow(tool, first).status == ActionStatus.DENIED
    assert (first.code, follow(tool, second).status) == ("budget_exceeded", ActionStatus.APPROVED)
    assert AuditRecord.objects.filter(action="approvals.action.denied").count() == 1


def test_what_ended_before_its_turn_to_be_judged_again_stays_as_it_ended(
    people: People, fake: FakeConnector
) -> None:
    asked = scene()
    action = asked.approved()
    tools.save(asked.environment, **ToolDefinitionFactory(name="note", description="New."))
    cancel(action=action, by=asked.people.principal(asked.people.operator))
    # It was on the list of those to be judged again, and then it ended.
    redefining.follow(action)
    action.refresh_from_db()
    assert (action.status, action.version) == (ActionStatus.CANCELED, 1)
