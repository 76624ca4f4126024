"""Deadlines: reminder, escalation, expiry. The rows' deadlines move, never the clock."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.models import Action
from approvals.services import approve, escalate_due, expire_due, needs, remind_due
from approvals.services.reading import may_decide
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib.errors import Denied
from gateway.runs.services.following import _answer
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import GroupFactory
from tests.invariants.scene import Scene, run_out, scene, sweep_once
from tests.people import People, ready

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)
RULE = {
    "name": "asks", "when": "true", "verdict": "require_approval", "reviewers": ["group:finance"],
    "expires_in_s": 36_000, "remind_at": 0.5, "escalate_at": 0.8, "escalate_to": ["role:reviewer"],
}  # fmt: skip


@pytest.fixture
def people() -> People:
    found = ready()
    group = GroupFactory(tenant=found.environment.tenant, slug="finance")
    group.members.add(found.member(found.admin))
    return found


def waiting(people: People, *, quorum: int = 1) -> Action:
    requirement = {
        "quorum": quorum,
        "reviewers": ["group:finance"], "escalate_at": 0.8, "escalate_to": ["role:reviewer"],
        "remind_at": 0.5,
    }  # fmt: skip
    due = {"remind_due_at": timezone.now() + SOON, "escalate_due_at": timezone.now() + SOON}
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    return ActionFactory(
        environment=people.environment, agent=agent, requirement=requirement, **due
    )


def run_out_one(action: Action, column: str) -> None:
    run_out(Action.objects.filter(pk=action.pk), column)


def records(action: Action, name: str) -> int:
    return AuditRecord.objects.filter(target_id=action.public_id, action=name).count()


def test_a_proposed_action_gets_its_reminder_and_escalation_with_its_deadline() -> None:
    from approvals.services import save_policy

    here: Scene = scene()
    GroupFactory(tenant=here.environment.tenant, slug="finance").members.add(
        here.people.member(here.people.admin)
    )
    save_policy(here.environment, name="p", comment="c", rules=[RULE])
    action = here.ask()
    whole = action.decide_by - action.created_at
    assert abs((action.remind_due_at - action.created_at) - whole * 0.5) < timedelta(seconds=1)
    assert abs((action.escalate_due_at - action.created_at) - whole * 0.8) < timedelta(seconds=1)
    assert action.routes == "|group:finance|"


def test_nothing_happens_before_its_time(people: People) -> None:
    action = waiting(people)
    assert (remind_due(), escalate_due(), expire_due()) == (0, 0, 0)
    action.refresh_from_db()
    assert action.reminded_at is None


def test_a_reminder_comes_once_is_recorded_and_announced(people: People) -> None:
    action = waiting(people)
    run_out_one(action, "remind_due_at")
    assert (remind_due(), remind_due()) == (1, 0)
    version = action.row_version
    action.refresh_from_db()
    assert action.reminded_at is not None
    assert action.announce_due_at is not None
    assert action.row_version == version + 1
    assert records(action, "approvals.action.reminded") == 1


def test_who_read_the_row_before_another_sweep_did_reminds_nobody_again(people: People) -> None:
    """Two sweeps at once: both have read the row as due, one gets its lock first."""
    from approvals.services import due

    action = waiting(people)
    run_out_one(action, "remind_due_at")
    stale = Action.objects.select_related("environment__tenant").get(pk=action.pk)
    assert remind_due() == 1
    assert due._once(stale, "remind_due_at", due._remind) is False
    assert records(action, "approvals.action.reminded") == 1


def test_after_escalation_more_people_may_decide_and_nothing_else_changes(people: People) -> None:
    action = waiting(people)
    reviewer = people.principal(people.may)
    with pytest.raises(Denied):
        may_decide(action, reviewer)
    run_out_one(action, "escalate_due_at")
    assert (escalate_due(), escalate_due()) == (1, 0)
    digest, requirement = action.digest, action.requirement
    action.refresh_from_db()
    assert (action.digest, action.requirement) == (digest, requirement)
    assert may_decide(action, reviewer) is None
    assert list(needs(people.may, people.environment)) == [action]
    approve(action=action, by=reviewer, digest=digest)
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert records(action, "approvals.action.escalated") == 1


def test_votes_from_before_the_escalation_stay(people: People) -> None:
    action = waiting(people, quorum=2)
    approve(action=action, by=people.principal(people.admin), digest=action.digest)
    run_out_one(action, "escalate_due_at")
    escalate_due()
    done = approve(action=action, by=people.principal(people.may), digest=action.digest)
    assert done.status == ActionStatus.APPROVED


def test_escalation_does_not_let_the_owner_of_the_agent_decide(people: People) -> None:
    action = waiting(people)
    run_out_one(action, "escalate_due_at")
    escalate_due()
    action.refresh_from_db()
    with pytest.raises(Denied, match="asked for"):
        may_decide(action, people.principal(people.owner))


def test_what_expired_is_neither_reminded_nor_escalated(people: People) -> None:
    action = waiting(people)
    for column in ("remind_due_at", "escalate_due_at", "decide_by"):
        run_out_one(action, column)
    assert (remind_due(), escalate_due(), expire_due()) == (0, 0, 1)


def test_an_action_climbs_the_whole_ladder_and_the_agent_gets_expired_not_rejected() -> None:
    from approvals.services import save_policy

    here = scene()
    GroupFactory(tenant=here.environment.tenant, slug="finance").members.add(
        here.people.member(here.people.admin)
    )
    save_policy(here.environment, name="p", comment="c", rules=[RULE])
    action = here.ask()
    reached = []
    for column in ("remind_due_at", "escalate_due_at", "decide_by"):
        run_out(Action.objects.filter(pk=action.pk), column)
        sweep_once()
        action.refresh_from_db()
        steps = (action.reminded_at, action.escalated_at)
        reached.append((*(step is not None for step in steps), action.status))
    assert reached == [
        (True, False, "pending"), (True, True, "pending"), (True, True, "expired"),
    ]  # fmt: skip
    assert action.code == "expired"
    assert _answer(action)["error"]["code"] == "expired"
    for name in ("reminded", "escalated", "expired"):
        assert records(action, f"approvals.action.{name}") == 1
