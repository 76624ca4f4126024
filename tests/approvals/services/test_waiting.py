"""What waits for a person is exactly what they may decide: the query beside the services' word."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from approvals.models import Action, Approval
from approvals.services import approve, needs, put_aside, snooze, waiting_for, wake
from approvals.services.reading import may_decide
from gateway.lib.errors import Denied
from gateway.tenants.models import User
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, ApprovalFactory, DelegationFactory
from tests.factories.tenants import GroupFactory
from tests.people import People, ready

pytestmark = pytest.mark.django_db
REQUIREMENTS: list[dict[str, Any]] = [
    {},
    {"reviewers": ["group:finance"]},
    {"reviewers": ["role:admin", "group:legal"], "quorum": 2},
    {"reviewers": ["group:legal"], "alternatives": [{"reviewers": ["role:admin"], "quorum": 1}]},
    {
        "stages": [
            {"name": "first", "reviewers": ["group:finance"], "quorum": 1},
            {"name": "second", "reviewers": ["role:admin"], "quorum": 1},
        ]
    },
    {"reviewers": ["role:reviewer"], "exclude_run_starter": True},
    {"reviewers": ["role:reviewer"], "edit_needs_second": True},
]


@pytest.fixture
def people() -> People:
    found = ready()
    for slug, who in (("finance", found.second), ("legal", found.owner)):
        group = GroupFactory(tenant=found.environment.tenant, slug=slug)
        group.members.add(found.member(who))
    return found


def everybody(people: People) -> list[User]:
    return [
        people.may, people.may_not, people.second, people.owner, people.admin, people.operator,
        people.stranger,
    ]  # fmt: skip


def actions(people: People) -> Iterator[Action]:
    """Every requirement with every person behind the request, and without."""
    for requirement, behind in product(REQUIREMENTS, [None, people.may, people.second]):
        more: dict[str, Any] = {}
        if behind is not None:
            more = {"run_starter_id": behind.pk, "edited_by": [behind, people.admin]}
        yield ActionFactory(environment=people.environment, requirement=requirement, **more)
        member = people.member(behind) if behind else None
        agent = AgentFactory(environment=people.environment, owner=member)
        yield ActionFactory(environment=people.environment, requirement=requirement, agent=agent)


def allowed(people: People, user: User, found: list[Action]) -> set[Action]:
    kept = set()
    for action in found:
        voted = Approval.objects.filter(action=action, user=user, void_at=None).exists()
        try:
            may_decide(action, people.principal(user))
        except Denied:
            continue
        if not voted:
            kept.add(action)
    return kept


@pytest.mark.parametrize("is_delegated", [False, True])
def test_the_query_and_the_services_agree_about_everybody(
    people: People, is_delegated: bool
) -> None:
    found = list(actions(people))
    if is_delegated:
        DelegationFactory(
            environment=people.environment, delegator=people.second, substitute=people.may
        )
        DelegationFactory(
            environment=people.environment, delegator=people.admin, substitute=people.owner
        )
    for action in found[::3]:
        ApprovalFactory(action=action, user=people.second)
    total = 0
    for user in everybody(people):
        wanted = allowed(people, user, found)
        assert set(waiting_for(user, people.environment)) == wanted, user
        total += len(wanted)
    assert total > 50


def test_what_somebody_edited_before_another_did_is_not_theirs_to_decide(people: People) -> None:
    asked = {"reviewers": ["role:reviewer"], "edit_needs_second": True}
    editors = [people.may, people.second]
    ActionFactory(environment=people.environment, requirement=asked, edited_by=editors)
    free = {"reviewers": ["role:reviewer"]}
    action = ActionFactory(environment=people.environment, requirement=free, edited_by=editors)
    for editor in editors:
        assert list(waiting_for(editor, people.environment)) == [action]
    assert waiting_for(people.admin, people.environment).count() == 2


def test_what_an_older_release_stored_without_routes_waits_as_well(people: People) -> None:
    action = ActionFactory(environment=people.environment)
    Action.objects.update(routes="")
    assert list(waiting_for(people.may, people.environment)) == [action]


def test_the_number_of_queries_does_not_grow_with_the_actions(
    people: People, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ActionFactory(environment=people.environment)
    with django_assert_num_queries(6):
        list(waiting_for(people.may, people.environment))
    for _ in range(5):
        ActionFactory(environment=people.environment)
    with django_assert_num_queries(6):
        assert len(waiting_for(people.may, people.environment)) == 6


def test_a_snooze_hides_for_one_person_until_something_changes(people: People) -> None:
    asked = {"reviewers": ["role:reviewer"], "quorum": 2}
    action = ActionFactory(environment=people.environment, requirement=asked)
    deadline = action.decide_by
    snooze(action=action, by=people.principal(people.may))
    assert not needs(people.may, people.environment)
    assert list(put_aside(people.may, people.environment)) == [action]
    assert list(needs(people.second, people.environment)) == [action]
    approve(action=action, by=people.principal(people.second), digest=action.digest)
    assert list(needs(people.may, people.environment)) == [action]
    action.refresh_from_db()
    assert action.decide_by == deadline


def test_a_snooze_ends_at_its_time_and_by_hand(people: People) -> None:
    action = ActionFactory(environment=people.environment)
    by = people.principal(people.may)
    later = timezone.now() + timedelta(hours=1)
    aside = snooze(action=action, by=by, until=later)
    assert not needs(people.may, people.environment)
    aside.until = timezone.now() - timedelta(seconds=1)
    aside.save()
    assert list(needs(people.may, people.environment)) == [action]
    snooze(action=action, by=by)
    wake(action=action, by=by)
    assert list(needs(people.may, people.environment)) == [action]
