"""Who may decide, once, on exactly what was shown."""

import pytest

from approvals.models import Action, Approval
from approvals.services import approve, cancel, reconcile, reject, waiting_for
from approvals.states import ActionStatus
from audit.context import bind
from audit.models import AuditRecord
from gateway.agents.services import create_api_key, principal_of_agent
from gateway.lib.errors import Conflict, Denied, Refused, StaleState
from gateway.tenants import principals
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory
from tests.invariants.scene import scene
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def action(people: People) -> Action:
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    return ActionFactory(environment=people.environment, agent=agent)


def names_of(action: Action) -> list[str]:
    found = AuditRecord.objects.filter(target_id=action.public_id).order_by("id")
    return list(found.values_list("action", flat=True))


def test_reviewer_approves_and_the_action_goes_to_execution(people: People, action: Action) -> None:
    approve(action=action, by=people.principal(people.may), digest=action.digest, comment="fine")
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert action.due_at is not None
    assert action.execute_by is not None
    assert names_of(action) == ["approvals.approval.cast", "approvals.action.approved"]


def test_a_decision_is_told_under_the_actions_own_correlation_id(
    people: People, action: Action
) -> None:
    with pytest.raises(Denied):
        approve(action=action, by=people.principal(people.may_not), digest=action.digest)
    with bind(correlation_id="another-request"):
        approve(action=action, by=people.principal(people.may), digest=action.digest)
    told = set(AuditRecord.objects.values_list("correlation_id", flat=True))
    assert told == {action.correlation_id}


def test_rejection_needs_a_reason_and_keeps_it(people: People, action: Action) -> None:
    by = people.principal(people.may)
    with pytest.raises(Refused, match="Say why"):
        reject(action=action, by=by, digest=action.digest, reason="  ")
    reject(action=action, by=by, digest=action.digest, reason="Wrong customer.")
    action.refresh_from_db()
    assert (action.status, action.reason) == (ActionStatus.REJECTED, "Wrong customer.")


@pytest.mark.parametrize("who", ["may_not", "operator", "auditor", "stranger", "owner"])
def test_those_who_may_not_decide_are_denied_and_the_attempt_is_recorded(
    people: People, action: Action, who: str
) -> None:
    by = people.principal(getattr(people, who))
    with pytest.raises(Denied):
        approve(action=action, by=by, digest=action.digest)
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert not Approval.objects.exists()
    record = AuditRecord.objects.get(target_id=action.public_id)
    assert (record.outcome, record.actor_kind) == ("refused", "system")


def test_requester_cannot_approve_own_action(people: People) -> None:
    action = ActionFactory(
        environment=people.environment,
        requester_kind="person",
        requester_id=people.may.public_id,
        requester_owner=people.may,
    )
    with pytest.raises(Denied, match="asked for"):
        approve(action=action, by=people.principal(people.may), digest=action.digest)


def test_whoever_owned_the_agent_when_it_asked_never_decides_even_once_it_is_anothers() -> None:
    here = scene()
    here.agent.owner = here.people.member(here.people.admin)
    here.agent.save()
    action = here.ask()
    # As where a source asked: nobody but the agent's owner answers for the call.
    Action.objects.filter(pk=action.pk).update(requester_owner=None)
    here.agent.owner = here.people.member(here.people.owner)
    here.agent.save()

    admin = here.people.admin
    action = Action.objects.get(pk=action.pk)
    with pytest.raises(Denied) as denied:
        approve(action=action, by=here.people.principal(admin), digest=action.digest)
    assert denied.value.code == "own_action"
    assert action.pk not in {row.pk for row in waiting_for(admin, here.environment)}


def test_machine_key_never_decides(people: People, action: Action) -> None:
    key, _ = create_api_key(people.environment, name="bot", agent=action.agent)
    for by in (principals.of_key(key), principal_of_agent(action.agent)):
        with pytest.raises(Denied, match="machine keys never"):
            approve(action=action, by=by, digest=action.digest)


def test_stale_digest_is_refused_with_the_present_one(people: People, action: Action) -> None:
    with pytest.raises(StaleState) as refused:
        approve(action=action, by=people.principal(people.may), digest="0" * 64)
    assert refused.value.extra["digest"] == action.digest


def test_second_decision_is_refused(people: People, action: Action) -> None:
    approve(action=action, by=people.principal(people.may), digest=action.digest)
    with pytest.raises(StaleState, match="approved already"):
        reject(
            action=action, by=people.principal(people.second), digest=action.digest, reason="late"
        )


def test_quorum_of_two_counts_each_person_once(people: People) -> None:
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    requirement = {"reviewers": ["role:reviewer"], "quorum": 2}
    action = ActionFactory(environment=people.environment, agent=agent, requirement=requirement)
    first = people.principal(people.may)
    approve(action=action, by=first, digest=action.digest)
    with pytest.raises(Conflict, match="decided on this version"):
        approve(action=action, by=first, digest=action.digest)
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    approve(action=action, by=people.principal(people.second), digest=action.digest)
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED


def test_what_was_changed_behind_the_reviewer_cannot_be_approved(
    people: People, action: Action
) -> None:
    Action.objects.filter(pk=action.pk).update(rendered='{"kind":"fake","operation":"fail"}')
    with pytest.raises(StaleState, match="changed since"):
        approve(action=action, by=people.principal(people.may), digest=action.digest)


def test_operator_cancels_a_pending_action_and_a_viewer_does_not(
    people: People, action: Action
) -> None:
    with pytest.raises(Denied):
        cancel(action=action, by=people.principal(people.may_not))
    cancel(action=action, by=people.principal(people.operator))
    action.refresh_from_db()
    assert action.status == ActionStatus.CANCELED
    with pytest.raises(StaleState):
        cancel(action=action, by=people.principal(people.operator))


def test_another_agents_key_cannot_cancel(people: People, action: Action) -> None:
    other = AgentFactory(environment=people.environment)
    with pytest.raises(Denied):
        cancel(action=action, by=principal_of_agent(other))
    cancel(action=action, by=principal_of_agent(action.agent))


def test_unknown_outcome_is_settled_by_an_operator_with_evidence(people: People) -> None:
    action = ActionFactory(environment=people.environment, status=ActionStatus.UNKNOWN)
    by = people.principal(people.operator)
    with pytest.raises(Refused, match="evidence"):
        reconcile(action=action, by=by, outcome="succeeded", evidence="")
    reconcile(action=action, by=by, outcome="succeeded", evidence="Refund 77 is in the ledger.")
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED
