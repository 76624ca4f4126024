"""Claim, call, finish: once, only what was approved, and honest about what may have happened."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action, Execution, Policy
from approvals.services import approve, expire_due, save_policy, sweep
from approvals.states import ActionStatus, ExecutionStatus
from gateway.connectors import registry
from gateway.connectors.fake import FakeConnector
from gateway.tenants.models import MemberRole
from gateway.tools.models import Tool
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.tools import ToolFactory
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


def approved(people: People, *, operation: str = "echo", **version: Any) -> Action:
    """An action that one reviewer approved."""
    environment = people.environment
    tool = ToolFactory(environment=environment, current__operation=operation)
    type(tool.current).objects.filter(pk=tool.current.pk).update(**version)
    tool.current.refresh_from_db()
    agent = AgentFactory(environment=environment, owner=people.member(people.owner))
    rendered = f'{{"arguments":{{"note":"hello"}},"kind":"fake","operation":"{operation}"}}'
    action = ActionFactory(
        environment=environment, agent=agent, tool_version=tool.current, rendered=rendered
    )
    action.facts = {"tool": tool.current.facts()}
    action.save()
    approve(action=action, by=people.principal(people.may), digest=action.digest)
    action.refresh_from_db()
    return action


def test_approved_action_happens_once_however_often_the_job_comes(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people)
    for _ in range(3):
        executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    assert action.result == {"note": "hello"}
    assert [call.idempotency_key for call in fake.calls] == [action.public_id]
    assert Execution.objects.get().status == ExecutionStatus.SUCCEEDED


def test_refusal_of_the_service_fails_the_action_with_its_words(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people, operation="fail")
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.reason) == (ActionStatus.FAILED, "The fake service refused.")


def test_lost_answer_of_an_unsafe_tool_is_unknown_and_never_repeated(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people, operation="lose", retry_class="unsafe")
    for _ in range(3):
        executor.execute(str(action.pk))
        sweep()
    action.refresh_from_db()
    assert action.status == ActionStatus.UNKNOWN
    assert len(fake.calls) == 1


def test_lost_answer_of_an_idempotent_tool_is_repeated_with_the_same_key(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people, operation="lose", retry_class="idempotent")
    for _ in range(2):
        executor.execute(str(action.pk))
        Action.objects.filter(pk=action.pk).update(due_at=timezone.now())
    assert len(fake.calls) == 2
    assert len(fake.effects) == 1


def lose_worker(action: Action, status: str) -> None:
    """Leave the action as a killed worker does: executing, its lease run out."""
    execution = executor.claim(str(action.pk))
    assert execution is not None
    Execution.objects.filter(pk=execution.pk).update(status=status)
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(pk=action.pk).update(lease_until=past)


def test_worker_lost_before_sending_is_replaced(people: People, fake: FakeConnector) -> None:
    action = approved(people, retry_class="unsafe")
    lose_worker(action, ExecutionStatus.CLAIMED)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("column", "status"),
    [
        ("called_off_at", ActionStatus.CANCELED),
        ("execute_by", ActionStatus.EXPIRED),
        ("policy", ActionStatus.DENIED),
        ("vote", ActionStatus.PENDING),
    ],
)
def test_worker_lost_before_sending_is_not_replaced_where_it_may_not_run_any_more(
    people: People, fake: FakeConnector, column: str, status: ActionStatus
) -> None:
    action = approved(people)
    lose_worker(action, ExecutionStatus.CLAIMED)
    if column == "policy":
        rules = [{"name": "no", "when": "true", "verdict": "deny", "reason": "Not any more."}]
        save_policy(people.environment, name="rules", rules=rules, comment="For a test.")
    elif column == "vote":
        MemberRole.objects.filter(member__user=people.may).delete()
    else:
        Action.objects.filter(pk=action.pk).update(**{column: timezone.now()})
    for _ in range(2):
        executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == status
    assert fake.calls == []
    assert Execution.objects.get().status == ExecutionStatus.RELEASED


def test_worker_lost_after_sending_an_unsafe_call_is_unknown(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people, retry_class="unsafe")
    lose_worker(action, ExecutionStatus.SENT)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.UNKNOWN
    assert fake.calls == []


def test_late_result_of_a_worker_that_lost_its_lease_is_refused(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people, retry_class="idempotent")
    slow = executor.claim(str(action.pk))
    assert slow is not None
    outcome = executor.call(slow)
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(pk=action.pk).update(lease_until=past)
    executor.execute(str(action.pk))
    executor.finish(slow, outcome)
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
    assert action.attempts == 2
    assert len(fake.effects) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"rendered": '{"kind":"fake","operation":"lose"}'},
        {"target": ["note:other"]},
        {"risk": "low"},
        {"nonce": "another"},
        {"requester_id": "somebody"},
        {"requirement": {"reviewers": [], "quorum": 1}},
    ],
)
def test_what_was_changed_after_the_approval_is_never_executed(
    people: People, fake: FakeConnector, change: dict[str, Any]
) -> None:
    action = approved(people)
    Action.objects.filter(pk=action.pk).update(**change)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert fake.calls == []
    assert (action.status, action.code) == (ActionStatus.DENIED, "digest_mismatch")


def test_stricter_policy_since_the_approval_sends_it_back_to_review(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people)
    rule = {"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}
    save_policy(people.environment, name="stricter", rules=[rule], comment="test")
    executor.execute(str(action.pk))
    old_digest = action.digest
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert action.digest != old_digest
    assert fake.calls == []


def test_policy_that_denies_now_stops_an_approved_action(
    people: People, fake: FakeConnector
) -> None:
    action = approved(people)
    rule = {"name": "no", "when": "true", "verdict": "deny", "reason": "Frozen."}
    save_policy(people.environment, name="freeze", rules=[rule], comment="test")
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.reason) == (ActionStatus.DENIED, "Frozen.")
    assert Policy.objects.count() == 1


def test_reviewer_who_lost_the_role_no_longer_counts(people: People, fake: FakeConnector) -> None:
    action = approved(people)
    MemberRole.objects.filter(member__user=people.may).delete()
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert fake.calls == []


def test_forged_vote_is_not_executed(people: People, fake: FakeConnector) -> None:
    action = approved(people)
    action.approvals.update(signature="00" * 64)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert fake.calls == []


def test_tool_that_was_switched_off_does_not_run(people: People, fake: FakeConnector) -> None:
    action = approved(people)
    Tool.objects.update(is_enabled=False)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.code) == (ActionStatus.DENIED, "tool_changed")


def test_time_only_refuses(people: People, fake: FakeConnector) -> None:
    waiting = ActionFactory(environment=people.environment)
    late = approved(people)
    past = timezone.now() - timedelta(seconds=1)
    Action.objects.filter(pk=waiting.pk).update(decide_by=past)
    Action.objects.filter(pk=late.pk).update(execute_by=past)
    assert expire_due() == 2
    executor.execute(str(late.pk))
    statuses = set(Action.objects.values_list("status", flat=True))
    assert statuses == {ActionStatus.EXPIRED}
    assert fake.calls == []
