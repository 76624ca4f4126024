"""Who is told: those who can decide, once per version, by what they chose, and nobody else."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.utils import timezone

from approvals import services as approvals
from approvals.models import Action
from gateway.notices.models import Notice, Preference
from gateway.notices.services import filing
from gateway.tenants.roles import Role
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory, DelegationFactory
from tests.factories.notices import ChatFactory, ChatIdentityFactory, PreferenceFactory
from tests.people import People, person, ready

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _mail_is_set(settings) -> None:
    settings.EMAIL_URL = "smtp://mail.acme.example:25"


@pytest.fixture
def people() -> People:
    return ready()


@pytest.fixture
def action(people: People) -> Action:
    agent = AgentFactory(environment=people.environment, owner=people.member(people.owner))
    return ActionFactory(environment=people.environment, agent=agent, risk="medium")


def told(action: Action, occasion: str = "asked") -> set[object]:
    rows = Notice.objects.filter(action=action, occasion=occasion)
    return {row.member.user if row.member else row.chat for row in rows}


def test_those_who_can_decide_are_told_and_nobody_else(people: People, action: Action) -> None:
    filing.follow(action)
    assert told(action) == {people.may, people.second, people.admin}


def test_announcing_again_tells_nobody_twice(people: People, action: Action) -> None:
    for _ in range(3):
        filing.follow(action)
    assert Notice.objects.count() == 3


def test_an_edited_action_is_told_anew(people: People, action: Action) -> None:
    filing.follow(action)
    Action.objects.filter(pk=action.pk).update(version=2)
    action.refresh_from_db()
    filing.follow(action)
    versions = Notice.objects.filter(member__user=people.may).order_by("action_version")
    assert [(n.action_version, n.status) for n in versions] == [(1, "withdrawn"), (2, "due")]


def test_who_has_chosen_nothing_for_a_risk_is_not_told(people: People, action: Action) -> None:
    PreferenceFactory(
        environment=people.environment, member=people.member(people.may), media={"medium": []}
    )
    filing.follow(action)
    assert people.may not in told(action)


def test_a_preference_of_one_environment_counts_in_no_other(people: People, action: Action) -> None:
    PreferenceFactory(
        environment=people.elsewhere, member=people.member(people.may), media={"medium": []}
    )
    filing.follow(action)
    assert people.may in told(action)


def test_quiet_hours_hold_back(people: People, action: Action) -> None:
    now = timezone.now()
    around = ((now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time())
    PreferenceFactory(
        environment=people.environment, member=people.member(people.may),
        quiet_from=around[0], quiet_until=around[1],
    )  # fmt: skip
    filing.follow(action)
    held = Notice.objects.get(member__user=people.may)
    assert held.due_at > now + timedelta(minutes=50)
    assert Notice.objects.get(member__user=people.second).due_at <= timezone.now()


def test_critical_risk_is_told_in_quiet_hours(people: People, action: Action) -> None:
    Action.objects.filter(pk=action.pk).update(risk="critical")
    action.refresh_from_db()
    PreferenceFactory(
        environment=people.environment, member=people.member(people.may),
        quiet_from=time(0), quiet_until=time(23, 59, 59),
    )  # fmt: skip
    filing.follow(action)
    assert Notice.objects.get(member__user=people.may).due_at <= timezone.now()


def test_a_reminder_reaches_those_who_were_asked_and_have_not_voted(
    people: People, action: Action
) -> None:
    requirement = {**action.requirement, "quorum": 2}
    Action.objects.filter(pk=action.pk).update(requirement=requirement)
    action.refresh_from_db()
    filing.follow(action)
    Action.objects.filter(pk=action.pk).update(
        remind_due_at=timezone.now() - timedelta(seconds=1),
        decide_by=timezone.now() + timedelta(hours=1),
    )
    assert approvals.remind_due() == 1
    action.refresh_from_db()
    filing.follow(action)
    assert told(action, "reminded") == {people.may, people.second, people.admin}


def test_a_substitute_is_told_where_the_right_is_lent(people: People, action: Action) -> None:
    DelegationFactory(
        environment=people.environment, delegator=people.may, substitute=people.may_not
    )
    filing.follow(action)
    may = people.may_not in set(approvals.needs(people.may_not, people.environment)) or (
        approvals.needs(people.may_not, people.environment).filter(pk=action.pk).exists()
    )
    assert (people.may_not in told(action)) == may


def test_the_room_is_told_once_and_only_of_its_risks(people: People, action: Action) -> None:
    chat = ChatFactory(environment=people.environment, risks=["medium"])
    ChatFactory(environment=people.elsewhere, risks=["medium"])
    filing.follow(action)
    filing.follow(action)
    assert chat in told(action)
    assert Notice.objects.filter(chat=chat, member=None).count() == 1
    quiet = ActionFactory(environment=people.environment, agent=action.agent, risk="low")
    filing.follow(quiet)
    assert chat not in told(quiet)


def test_a_linked_member_is_written_to_where_they_chose_it(people: People, action: Action) -> None:
    chat = ChatFactory(environment=people.environment, room="")
    ChatIdentityFactory(chat=chat, member=people.member(people.may))
    for user in (people.may, people.second):
        PreferenceFactory(
            environment=people.environment, member=people.member(user), media={"medium": ["slack"]}
        )
    filing.follow(action)
    assert told(action) == {people.may, people.admin}
    assert Notice.objects.get(member__user=people.may).medium == "slack"


def test_without_mail_server_and_chat_nothing_is_stored(action: Action, settings) -> None:
    settings.EMAIL_URL = ""
    filing.follow(action)
    assert not Notice.objects.exists()


def test_what_is_decided_before_it_leaves_is_withdrawn(people: People, action: Action) -> None:
    filing.follow(action)
    approvals.approve(action=action, by=people.principal(people.may), digest=action.digest)
    action.refresh_from_db()
    filing.follow(action)
    assert set(Notice.objects.values_list("status", "reason")) == {("withdrawn", "no_longer_open")}


def test_who_was_reached_before_keeps_the_usual_after_a_change(people: People) -> None:
    row = Preference(environment=people.environment, member=people.member(people.may))
    assert row.media_for("low") == ()
    assert row.media_for("critical") == ("email",)


def test_what_filing_costs_does_not_grow_with_the_reviewers(
    people: People, action: Action, django_assert_max_num_queries: Any
) -> None:
    ChatFactory(environment=people.environment)
    for _ in range(20):
        person(people.environment, Role.REVIEWER)
    with django_assert_max_num_queries(16):
        filing.follow(action)
    assert len(told(action)) == 24


def test_announcing_again_costs_no_insert(
    people: People, action: Action, django_assert_max_num_queries: Any
) -> None:
    filing.follow(action)
    with django_assert_max_num_queries(13) as asked:
        filing.follow(action)
    assert not [query for query in asked.captured_queries if "INSERT" in query["sql"]]
