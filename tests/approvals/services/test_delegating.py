"""Out of office: who may decide for whom, when, and what their vote is worth."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals.models import Action, Approval, Delegation
from approvals.services import (
    approve,
    cancel,
    delegate,
    needs,
    rechecking,
    reject,
    revoke_delegation,
)
from approvals.services.reading import may_decide, progress
from approvals.states import ActionStatus
from audit.models import AuditRecord
from gateway.lib.errors import Denied, Refused, StaleState
from gateway.tenants.models import Group, User
from gateway.tenants.roles import Role
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, DelegationFactory, PolicyFactory
from tests.factories.tenants import GroupFactory
from tests.people import People, person, ready

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def finance(people: People) -> Group:
    """A group of one: `second`, who goes away; `may` stands in."""
    group = GroupFactory(tenant=people.environment.tenant, slug="finance")
    group.members.add(people.member(people.second))
    rule = {"name": "r", "when": "true", "verdict": "require_approval"}
    PolicyFactory(environment=people.environment, rules=[{**rule, "reviewers": ["group:finance"]}])
    return group


def away(people: People, substitute: User | None = None, **more: Any) -> Delegation:
    return DelegationFactory(
        environment=people.environment, delegator=people.second,
        substitute=substitute or people.may, **more,
    )  # fmt: skip


def asked(people: People, *, quorum: int = 1, **more: Any) -> Action:
    # The last two as the rule asks for them where, as here, the facts name no tool.
    careful = {"edit_needs_second": True, "exclude_run_starter": True}
    requirement = {"reviewers": ["group:finance"], "quorum": quorum, **careful}
    more.setdefault("agent", AgentFactory(environment=people.environment))
    return ActionFactory(environment=people.environment, requirement=requirement, **more)


def say(people: People, action: Action, who: User) -> Action:
    return approve(action=action, by=people.principal(who), digest=action.digest)


def times(starts: timedelta, ends: timedelta) -> dict[str, Any]:
    now = timezone.now()
    return {"starts_at": now + starts, "ends_at": now + ends}


def test_a_substitute_decides_where_the_delegator_could_and_the_vote_says_for_whom(
    people: People, finance: Group
) -> None:
    action = asked(people)
    with pytest.raises(Denied):
        say(people, action, people.may)
    delegation = away(people)
    assert say(people, action, people.may).status == ActionStatus.APPROVED
    vote = Approval.objects.get()
    assert (vote.user, vote.on_behalf_of) == (people.may, people.second)
    assert vote.delegation == delegation
    record = AuditRecord.objects.get(action="approvals.approval.cast")
    assert record.body_json["on_behalf_of"] == people.second.public_id
    action.refresh_from_db()
    assert rechecking.may_still_run(action)


def test_who_may_decide_anyway_does_so_in_their_own_name(people: People, finance: Group) -> None:
    finance.members.add(people.member(people.may))
    away(people)
    say(people, asked(people), people.may)
    assert Approval.objects.get().on_behalf_of is None


@pytest.mark.parametrize(
    "window", [(-2 * HOUR, -HOUR), (HOUR, 2 * HOUR)], ids=["already over", "not begun"]
)
def test_outside_its_time_it_counts_for_nothing(
    people: People, finance: Group, window: tuple[timedelta, timedelta]
) -> None:
    away(people, **times(*window))
    action = asked(people)
    assert not needs(people.may, people.environment)
    with pytest.raises(Denied, match="group:finance"):
        say(people, action, people.may)


def test_a_revoked_one_counts_for_nothing_more(people: People, finance: Group) -> None:
    delegation = away(people)
    revoke_delegation(delegation=delegation, by=people.principal(people.second))
    with pytest.raises(Denied):
        say(people, asked(people), people.may)
    with pytest.raises(StaleState):
        revoke_delegation(delegation=delegation, by=people.principal(people.second))


def test_a_vote_stays_good_after_the_delegation_ended(people: People, finance: Group) -> None:
    delegation = away(people)
    action = say(people, asked(people), people.may)
    revoke_delegation(delegation=delegation, by=people.principal(people.second))
    action.refresh_from_db()
    assert rechecking.may_still_run(action)


def test_the_claim_refuses_a_vote_from_outside_the_time_of_its_delegation(
    people: People, finance: Group
) -> None:
    delegation = away(people)
    action = say(people, asked(people), people.may)
    before = times(-3 * HOUR, -2 * HOUR)
    Delegation.objects.filter(pk=delegation.pk).update(**before)
    action.refresh_from_db()
    assert not rechecking.may_still_run(action)
    assert action.status == ActionStatus.PENDING


@pytest.mark.parametrize("who", ["may", "second"])
def test_the_claim_refuses_the_vote_when_either_left_meanwhile(
    people: People, finance: Group, who: str
) -> None:
    away(people)
    action = say(people, asked(people), people.may)
    member = people.member(getattr(people, who))
    member.deactivated_at = timezone.now()
    member.save()
    action.refresh_from_db()
    assert not rechecking.may_still_run(action)
    assert action.status == ActionStatus.PENDING


def test_a_delegation_forged_onto_a_vote_afterwards_is_not_genuine(
    people: People, finance: Group
) -> None:
    action = asked(people, quorum=1)
    finance.members.add(people.member(people.may))
    say(people, action, people.may)
    finance.members.remove(people.member(people.may))
    row = away(people)
    Approval.objects.update(delegation=row, on_behalf_of=people.second)
    action.refresh_from_db()
    assert not rechecking.may_still_run(action)


def test_two_substitutes_of_one_person_are_one_voice(people: People, finance: Group) -> None:
    other = person(people.environment, Role.REVIEWER)
    away(people)
    away(people, other)
    action = asked(people, quorum=2)
    say(people, action, people.may)
    with pytest.raises(Denied):
        say(people, action, other)
    assert progress(action).have == 1


def test_delegator_and_substitute_are_one_voice_whoever_comes_first(
    people: People, finance: Group
) -> None:
    away(people)
    first = asked(people, quorum=2)
    say(people, first, people.may)
    with pytest.raises(Denied, match="on your behalf"):
        say(people, first, people.second)
    second = asked(people, quorum=2)
    say(people, second, people.second)
    with pytest.raises(Denied):
        say(people, second, people.may)


def test_a_substitute_is_one_person_for_several_delegators(people: People, finance: Group) -> None:
    finance.members.add(people.member(people.owner))
    away(people)
    DelegationFactory(environment=people.environment, delegator=people.owner, substitute=people.may)
    action = asked(people, quorum=2)
    say(people, action, people.may)
    assert progress(action).have == 1
    action.refresh_from_db()
    assert action.status == ActionStatus.PENDING


def test_no_chain_a_substitute_lends_only_what_is_their_own(people: People, finance: Group) -> None:
    last = person(people.environment, Role.REVIEWER)
    away(people)
    DelegationFactory(environment=people.environment, delegator=people.may, substitute=last)
    with pytest.raises(Denied):
        say(people, asked(people), last)


@pytest.mark.parametrize("behind", ["may", "second"])
def test_neither_substitute_nor_delegator_may_be_behind_the_request(
    people: People, finance: Group, behind: str
) -> None:
    away(people)
    agent = AgentFactory(
        environment=people.environment, owner=people.member(getattr(people, behind))
    )
    action = asked(people, agent=agent)
    assert action not in needs(people.may, people.environment)
    with pytest.raises(Denied):
        say(people, action, people.may)


@pytest.mark.parametrize("who", ["may", "second"])
def test_no_editor_is_a_substitute_or_has_one_where_an_edit_needs_a_second(
    people: People, finance: Group, who: str
) -> None:
    away(people)
    action = asked(people, edited_by=[getattr(people, who), people.admin])
    assert action not in needs(people.may, people.environment)
    with pytest.raises(Denied):
        say(people, action, people.may)


def test_a_scope_lends_one_group_or_role_and_no_more(people: People, finance: Group) -> None:
    GroupFactory(tenant=people.environment.tenant, slug="legal").members.add(
        people.member(people.second)
    )
    away(people, scope="group:legal")
    with pytest.raises(Denied):
        say(people, asked(people), people.may)
    Delegation.objects.update(scope="group:finance")
    assert say(people, asked(people), people.may).status == ActionStatus.APPROVED


def test_what_names_the_delegator_in_person_stays_with_them(people: People) -> None:
    away(people)
    requirement = {"reviewers": [f"user:{people.second.email}"]}
    action = ActionFactory(environment=people.environment, requirement=requirement)
    with pytest.raises(Denied):
        say(people, action, people.may)


def test_a_substitute_who_decides_nothing_here_cannot(people: People, finance: Group) -> None:
    away(people, people.may_not)
    with pytest.raises(Denied, match="roles"):
        say(people, asked(people), people.may_not)


def test_a_delegation_counts_in_its_environment_only(people: People, finance: Group) -> None:
    DelegationFactory(environment=people.elsewhere, delegator=people.second, substitute=people.may)
    with pytest.raises(Denied):
        say(people, asked(people), people.may)


def test_a_substitute_may_reject_as_well(people: People, finance: Group) -> None:
    away(people)
    action = asked(people)
    by = people.principal(people.may)
    done = reject(action=action, by=by, digest=action.digest, reason="Wrong account.")
    assert done.status == ActionStatus.REJECTED


def test_a_lent_role_lets_nobody_do_more_than_decide(people: People) -> None:
    DelegationFactory(environment=people.environment, delegator=people.admin, substitute=people.may)
    with pytest.raises(Denied):
        cancel(action=asked(people), by=people.principal(people.may))


def test_naming_a_substitute_is_recorded_without_names(people: People) -> None:
    made = delegate(
        environment=people.environment, by=people.principal(people.second),
        substitute=people.may.email, note="Skiing", **times(HOUR, 2 * HOUR),
    )  # fmt: skip
    record = AuditRecord.objects.get(action="approvals.delegation.created")
    assert record.target_id == made.public_id
    assert people.may.email not in record.body
    assert "Skiing" not in record.body


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"substitute": "second"}, "invalid_substitute"),
        ({"substitute": "may_not"}, "invalid_substitute"),
        ({"substitute": "stranger"}, "unknown_member"),
        (times(2 * HOUR, HOUR), "invalid_time"),
        (times(-2 * HOUR, -HOUR), "invalid_time"),
        (times(HOUR, timedelta(days=120)), "invalid_time"),
        ({"scope": "group:nobody"}, "invalid_scope"),
        ({"scope": "role:admin"}, "invalid_scope"),
    ],
)
def test_a_delegation_that_cannot_be_is_refused(
    people: People, change: dict[str, Any], code: str
) -> None:
    wish: dict[str, Any] = {"substitute": "may", **times(HOUR, 2 * HOUR), **change}
    wish["substitute"] = getattr(people, wish["substitute"]).email
    with pytest.raises(Refused) as refused:
        delegate(environment=people.environment, by=people.principal(people.second), **wish)
    assert refused.value.code == code
    assert not Delegation.objects.exists()


@pytest.mark.parametrize("who", ["may_not", "operator", "stranger"])
def test_who_does_not_decide_names_no_substitute(people: People, who: str) -> None:
    by = people.principal(getattr(people, who))
    with pytest.raises(Denied):
        delegate(
            environment=people.environment, by=by, substitute=people.may.email,
            **times(HOUR, 2 * HOUR),
        )  # fmt: skip


def test_either_of_the_two_and_an_admin_end_it_and_nobody_else(people: People) -> None:
    for who in ("owner", "operator"):
        with pytest.raises(Denied):
            revoke_delegation(delegation=away(people), by=people.principal(getattr(people, who)))
    for who in ("second", "may", "admin"):
        ended = revoke_delegation(
            delegation=away(people), by=people.principal(getattr(people, who))
        )
        assert ended.revoked_at is not None


def test_a_substitute_without_own_standing_is_told_what_the_action_waits_for(
    people: People, finance: Group
) -> None:
    with pytest.raises(Denied, match="group:finance"):
        may_decide(asked(people), people.principal(people.may))
