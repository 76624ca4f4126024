"""Alternatives, stages and counted rejections, with real votes, up to the claim."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from approvals import executor
from approvals.models import Action, Approval, Execution
from approvals.services import approve, progress, reject, waiting_for
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib.errors import Denied
from gateway.tenants.models import Group, MemberRole, User
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, ApprovalFactory, PolicyFactory
from tests.factories.tenants import GroupFactory
from tests.people import People, person, ready

pytestmark = pytest.mark.django_db
FINANCE, LEGAL = {"reviewers": ["group:finance"]}, {"reviewers": ["group:legal"]}
EITHER = {**FINANCE, "quorum": 2, "alternatives": [{"reviewers": ["role:admin"], "quorum": 1}]}
STAGED = {"stages": [{"name": "money", **FINANCE}, {"name": "law", **LEGAL, "quorum": 2}]}


@pytest.fixture
def people() -> People:
    return ready()


def member_of(met: People, *slugs: str) -> User:
    """Another reviewer, who is in these groups."""
    user = person(met.environment, "reviewer")
    for slug in slugs:
        tenant = met.environment.tenant
        found = Group.objects.filter(tenant=tenant, slug=slug).first()
        met.member(user).groups.add(found or GroupFactory(tenant=tenant, slug=slug))
    return user


def ask(met: People, requirement: dict[str, Any]) -> Action:
    agent = AgentFactory(environment=met.environment, owner=met.member(met.owner))
    # The same rule at the claim: what is refused there is refused because of the votes.
    rule = {"name": "r", "when": "true", "verdict": "require_approval", **requirement}
    rule |= {"edit_needs_second": False, "exclude_run_starter": False}
    PolicyFactory(environment=met.environment, rules=[rule])
    made = ActionFactory(environment=met.environment, agent=agent, requirement=requirement)
    made.facts = {"tool": made.tool_version.facts()}
    made.save()
    return made


def vote(met: People, action: Action, *users: User) -> str:
    """The status after each of these people approved."""
    for user in users:
        action.refresh_from_db()
        approve(action=action, by=met.principal(user), digest=action.digest)
    action.refresh_from_db()
    return action.status


def test_one_of_the_other_alternative_is_enough(people: People) -> None:
    action = ask(people, EITHER)
    assert vote(people, action, member_of(people, "finance")) == ActionStatus.PENDING
    assert vote(people, action, people.admin) == ActionStatus.APPROVED
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


def test_a_vote_counts_only_for_the_alternatives_that_name_its_person(people: People) -> None:
    action = ask(people, EITHER)
    with pytest.raises(Denied) as refused:
        vote(people, action, people.may)
    assert refused.value.code == "not_routed"
    both = member_of(people, "finance"), member_of(people, "finance")
    assert vote(people, action, *both) == ActionStatus.APPROVED


def test_a_later_stage_waits_for_its_turn_and_is_told_so(people: People) -> None:
    action, lawyer, clerk = (
        ask(people, STAGED),
        member_of(people, "legal"),
        member_of(people, "finance"),
    )
    with pytest.raises(Denied, match="“law”, which is yours, comes later") as refused:
        vote(people, action, lawyer)
    assert refused.value.code == "not_your_stage"
    with pytest.raises(Denied):
        reject(action=action, by=people.principal(lawyer), digest=action.digest, reason="early")
    record = AuditRecord.objects.filter(target_id=action.public_id, outcome="refused").first()
    assert record is not None
    assert not waiting_for(lawyer, people.environment)
    assert list(waiting_for(clerk, people.environment)) == [action]
    assert vote(people, action, clerk) == ActionStatus.PENDING
    assert list(waiting_for(lawyer, people.environment)) == [action]
    assert not waiting_for(member_of(people, "finance"), people.environment)
    assert vote(people, action, lawyer, member_of(people, "legal")) == ActionStatus.APPROVED
    assert list(action.approvals.values_list("stage", flat=True)) == [0, 1, 1]
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


def test_one_person_does_not_fill_two_stages(people: People) -> None:
    action, both = ask(people, STAGED), member_of(people, "finance", "legal")
    vote(people, action, both)
    with pytest.raises(Exception, match="decided on this version already"):
        vote(people, action, both)
    assert vote(people, action, member_of(people, "legal")) == ActionStatus.PENDING
    stands = progress(action)
    assert (stands.open_stage, stands.have, stands.needed) == (1, 1, 2)


def test_rejections_are_counted_apart_and_the_last_one_needed_ends_it(people: People) -> None:
    action = ask(people, {"reviewers": ["role:reviewer"], "quorum": 2, "rejections": 2})

    def refuse(user: User, reason: str) -> str:
        by = people.principal(user)
        reject(action=action, by=by, digest=action.digest, reason=reason)
        action.refresh_from_db()
        return action.status

    assert refuse(people.may, "Not yet.") == ActionStatus.PENDING
    assert vote(people, action, people.second) == ActionStatus.PENDING
    assert progress(action).rejections == 1
    assert refuse(people.admin, "No.") == ActionStatus.REJECTED
    assert action.reason == "No."
    cast = AuditRecord.objects.filter(target_id=action.public_id, outcome="ok").order_by("id")
    assert list(cast.values_list("action", flat=True)) == [
        "approvals.approval.cast", "approvals.approval.cast", "approvals.action.rejected",
    ]  # fmt: skip


def test_one_rejection_of_two_does_not_hinder_a_full_quorum(people: People) -> None:
    action = ask(people, {"reviewers": ["role:reviewer"], "quorum": 2, "rejections": 2})
    reject(action=action, by=people.principal(people.may), digest=action.digest, reason="No.")
    assert vote(people, action, people.second, people.admin) == ActionStatus.APPROVED
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.SUCCEEDED


@pytest.mark.parametrize("loss", ["role", "group", "membership"])
def test_whoever_lost_their_standing_between_the_votes_is_not_counted(
    people: People, loss: str
) -> None:
    action, first = ask(people, EITHER), member_of(people, "finance")
    vote(people, action, first)
    lose(people, first, loss)
    assert vote(people, action, member_of(people, "finance")) == ActionStatus.PENDING
    assert progress(action).have == 1
    assert vote(people, action, member_of(people, "finance")) == ActionStatus.APPROVED


@pytest.mark.parametrize("loss", ["role", "group", "membership"])
@pytest.mark.parametrize("who", ["money", "law"])
def test_the_claim_refuses_where_a_stage_lost_a_voter(people: People, loss: str, who: str) -> None:
    clerk, lawyer, other = (
        member_of(people, "finance"), member_of(people, "legal"), member_of(people, "legal"),
    )  # fmt: skip
    action = ask(people, STAGED)
    assert vote(people, action, clerk, lawyer, other) == ActionStatus.APPROVED
    lose(people, clerk if who == "money" else lawyer, loss)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.version) == (ActionStatus.PENDING, 2)
    assert not Execution.objects.exists()
    assert progress(action).open_stage == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stage": 1}, "a vote moved to another stage is not what was signed"),
        ({"signature": "0" * 128}, "nobody signed it"),
        ({"digest": "0" * 64}, "it was for something else"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_claim_refuses_votes_that_are_not_genuine(
    people: People, change: dict[str, Any], why: str
) -> None:
    action = ask(people, STAGED)
    crew = [member_of(people, slug) for slug in ("finance", "legal", "legal")]
    assert vote(people, action, *crew) == ActionStatus.APPROVED
    Approval.objects.filter(user=crew[0]).update(**change)
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING, why
    assert not Execution.objects.exists()


def test_the_claim_counts_no_mere_number_of_votes(people: People) -> None:
    """Three genuine votes of people who may decide, yet nobody of the second stage among them."""
    action = ask(people, STAGED)
    for _ in range(3):
        ApprovalFactory(action=action, user=member_of(people, "finance"))
    Action.objects.filter(pk=action.pk).update(status=ActionStatus.APPROVED, due_at=timezone.now())
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING
    assert not Execution.objects.exists()


def lose(met: People, user: User, what: str) -> None:
    """Take from a person what let them vote."""
    member = met.member(user)
    if what == "role":
        MemberRole.objects.filter(member=member).delete()
    elif what == "group":
        member.groups.clear()
    else:
        type(member).objects.filter(pk=member.pk).update(deactivated_at="2026-01-01T00:00:00Z")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("requirement", [{**FINANCE, "quorum": 2}, EITHER], ids=["two", "either"])
def test_two_last_votes_at_the_same_moment_both_count(requirement: dict[str, Any]) -> None:
    met = ready()
    crew = [member_of(met, "finance"), member_of(met, "finance")]
    action = ask(met, requirement)
    start = Barrier(2)

    def decide(user: User) -> str:
        start.wait()
        try:
            return approve(action=action, by=met.principal(user), digest=action.digest).status
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, crew)) == [ActionStatus.APPROVED, ActionStatus.PENDING]
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert action.approvals.count() == 2
