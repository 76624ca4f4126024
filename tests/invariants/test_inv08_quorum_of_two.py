"""Invariant 8 (T15): of a quorum of two, the second is another person, who stands and did not ask.

Every way of being two people alone is tried behind the first genuine vote, and refused.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import executor
from approvals.models import Action, Approval
from approvals.services import approve, delegate, edit, propose, save_policy
from approvals.states import ActionStatus
from audit.models import RefusalCount
from gateway.agents.services import agent_of_principal
from gateway.connectors.fake import FakeConnector
from gateway.lib.errors import Conflict, Denied, DomainError, StaleState
from gateway.tenants.models import Member, User
from gateway.tenants.principals import of_key
from gateway.tenants.roles import Role
from gateway.tenants.services import deactivate_member
from tests.factories.tenants import ApiKeyFactory, GroupFactory, TenantFactory
from tests.invariants.scene import Scene, fakes, scene
from tests.people import person

pytestmark = pytest.mark.django_db
Settle = Callable[..., list[Any]]
TWO = {"name": "two", "when": "true", "verdict": "require_approval", "quorum": 2}


@pytest.fixture
def connector() -> Iterator[FakeConnector]:
    with fakes() as (connector, _):
        yield connector


@pytest.fixture
def here() -> Scene:
    return under(scene(), edit_needs_second=True)


def under(here: Scene, **rule: Any) -> Scene:
    save_policy(here.environment, name="two", rules=[{**TWO, **rule}], comment="For a test.")
    return here


def say_yes(here: Scene, action: Action, user: User) -> Action:
    action.refresh_from_db()
    return approve(action=action, by=here.people.principal(user), digest=action.digest)


def stand_in(here: Scene, delegator: User, substitute: User) -> None:
    now = timezone.now()
    delegate(
        environment=here.environment, by=here.people.principal(delegator), starts_at=now,
        ends_at=now + timedelta(days=1), substitute=substitute.email,
    )  # fmt: skip


def half_approved(here: Scene) -> Action:
    """A call of the agent that `may` approved; one more is needed."""
    action = here.ask()
    assert say_yes(here, action, here.people.may).status == ActionStatus.PENDING
    return action


def refuse(here: Scene, action: Action, user: User, *, error: type[DomainError], code: str) -> None:
    """This vote is refused with this code, counted as an attempt, and leaves all as it was."""
    action.refresh_from_db()
    before = action.approvals.count()
    with pytest.raises(error) as refused:
        say_yes(here, action, user)
    assert refused.value.code == code
    assert RefusalCount.objects.exists()
    action.refresh_from_db()
    assert (action.status, action.approvals.count()) == (ActionStatus.PENDING, before)


def test_the_same_person_twice_also_by_their_key(here: Scene) -> None:
    action = half_approved(here)
    refuse(here, action, here.people.may, error=Conflict, code="already_voted")
    key = ApiKeyFactory(environment=here.environment, member=here.people.member(here.people.may))
    with pytest.raises(Conflict):
        approve(action=action, by=of_key(key), digest=action.digest)
    assert say_yes(here, action, here.people.second).status == ActionStatus.APPROVED


def test_whoever_asked(here: Scene) -> None:
    asked = here.people.principal(here.people.second)
    action = propose(
        environment=here.environment, agent=agent_of_principal(asked), tool_name="note",
        arguments={"note": "mine"}, requester=asked,
    )  # fmt: skip
    say_yes(here, action, here.people.may)
    refuse(here, action, here.people.second, error=Denied, code="own_action")
    assert say_yes(here, action, here.people.admin).status == ActionStatus.APPROVED


def test_whoever_owns_the_agents_credential(here: Scene) -> None:
    action = half_approved(here)
    refuse(here, action, here.people.owner, error=Denied, code="own_action")


@pytest.mark.parametrize("is_last", [True, False])
def test_whoever_edited_it(here: Scene, is_last: bool) -> None:
    action = here.ask()
    by = here.people.principal(here.people.second)
    action = edit(action=action, by=by, digest=action.digest, arguments={"note": "other"})
    if not is_last:
        then = here.people.principal(person(here.environment, Role.REVIEWER))
        edit(action=action, by=then, digest=action.digest, arguments={"note": "other."})
    say_yes(here, action, here.people.may)
    refuse(here, action, here.people.second, error=Denied, code="own_edit")
    assert say_yes(here, action, here.people.admin).status == ActionStatus.APPROVED


def test_whoever_was_deactivated(here: Scene) -> None:
    action = half_approved(here)
    member = here.people.member(here.people.second)
    deactivate_member(member, by=here.people.principal(here.people.admin))
    refuse(here, action, here.people.second, error=Denied, code="not_permitted")


def test_whose_account_is_closed_though_they_hold_a_session(here: Scene) -> None:
    action = half_approved(here)
    by = here.people.principal(here.people.second)
    User.objects.filter(pk=here.people.second.pk).update(is_active=False)
    with pytest.raises(Denied):
        approve(action=action, by=by, digest=action.digest)
    assert action.approvals.count() == 1


def test_whoever_moved_to_another_tenant_though_they_hold_a_session(here: Scene) -> None:
    action = half_approved(here)
    by = here.people.principal(here.people.second)
    Member.objects.filter(user=here.people.second).update(tenant=TenantFactory())
    with pytest.raises(Denied):
        approve(action=action, by=by, digest=action.digest)
    refuse(here, action, here.people.second, error=Denied, code="not_permitted")


@pytest.mark.parametrize("gone", ["deactivated", "moved"])
def test_a_first_voter_who_went_is_counted_no_more(
    here: Scene, connector: FakeConnector, settle: Settle, gone: str
) -> None:
    action = half_approved(here)
    changes = {
        "deactivated": {"deactivated_at": timezone.now()},
        "moved": {"tenant": TenantFactory()},
    }
    Member.objects.filter(user=here.people.may).update(**changes[gone])
    assert say_yes(here, action, here.people.second).status == ActionStatus.PENDING
    settle()
    assert connector.calls == []
    assert say_yes(here, action, here.people.admin).status == ActionStatus.APPROVED


def test_a_voter_who_went_between_the_last_vote_and_the_claim(
    here: Scene, connector: FakeConnector, settle: Settle
) -> None:
    action = half_approved(here)
    say_yes(here, action, here.people.second)
    Member.objects.filter(user=here.people.may).update(deactivated_at=timezone.now())
    executor.execute(str(action.pk))
    action.refresh_from_db()
    assert (action.status, action.version, connector.calls) == (ActionStatus.PENDING, 2, [])


@pytest.fixture
def finance() -> Scene:
    """Two of finance are asked: `may`, `second`, and the agent's owner belong to it."""
    here = scene()
    people = here.people
    group = GroupFactory(tenant=here.environment.tenant, slug="finance")
    group.members.set(people.member(user) for user in (people.may, people.second, people.owner))
    return under(here, reviewers=["group:finance"])


def test_a_substitute_who_answers_for_the_request(finance: Scene) -> None:
    people = finance.people
    stand_in(finance, people.second, people.owner)
    action = half_approved(finance)
    refuse(finance, action, people.owner, error=Denied, code="own_action")


def test_a_substitute_of_whoever_answers_for_the_request(finance: Scene) -> None:
    third = person(finance.environment, Role.REVIEWER)
    stand_in(finance, finance.people.owner, third)
    action = half_approved(finance)
    refuse(finance, action, third, error=Denied, code="not_routed")


def test_a_substitute_of_two_is_one_person(finance: Scene) -> None:
    people, third = finance.people, person(finance.environment, Role.REVIEWER)
    for delegator in (people.may, people.second):
        stand_in(finance, delegator, third)
    action = finance.ask()
    assert say_yes(finance, action, third).status == ActionStatus.PENDING
    with pytest.raises((Denied, Conflict)):
        say_yes(finance, action, third)
    assert Approval.objects.get().on_behalf_of in {people.may, people.second}


def test_a_substitute_and_the_one_they_stand_for_are_one_voice(finance: Scene) -> None:
    people, third = finance.people, person(finance.environment, Role.REVIEWER)
    stand_in(finance, people.may, third)
    action = finance.ask()
    assert say_yes(finance, action, third).status == ActionStatus.PENDING
    refuse(finance, action, people.may, error=Denied, code="represented")
    assert say_yes(finance, action, people.second).status == ActionStatus.APPROVED


def test_a_vote_after_the_second_one_is_told_that_it_is_decided(here: Scene) -> None:
    action = half_approved(here)
    say_yes(here, action, here.people.second)
    with pytest.raises(StaleState):
        say_yes(here, action, here.people.admin)
