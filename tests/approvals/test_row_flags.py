"""Marks on a row of the inbox: an agent's first use of a tool, and mail that leaves the house."""

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from approvals.models import Action
from gateway.tenants.services import change_environment
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.agents import AgentFactory
from tests.factories.approvals import ActionFactory

pytestmark = pytest.mark.django_db
FIRST, OUTSIDE = "first time", "external recipient"


@pytest.fixture
def met():
    return people.ready()


def shown(met, name="approvals:inbox", **parts):
    return text(signed_in(met.may).get(at(met.environment, name, **parts)))


def mail(met, to, **fields):
    return ActionFactory(environment=met.environment, with_arguments={"to": to}, **fields)


def test_what_was_never_let_through_is_a_first_time_however_often_it_was_asked(met):
    agent = AgentFactory(environment=met.environment)
    tool = ActionFactory(environment=met.environment, agent=agent).tool_version
    second = ActionFactory(environment=met.environment, agent=agent, tool_version=tool)
    assert shown(met).count(FIRST) == 2
    assert "signal.first_use" in shown(met, "approvals:detail", action=second.public_id)


def test_after_one_was_let_through_the_next_is_no_first_time(met):
    agent = AgentFactory(environment=met.environment)
    before = ActionFactory(environment=met.environment, agent=agent, status="succeeded")
    Action.objects.filter(pk=before.pk).update(approved_at=Now())
    after = ActionFactory(
        environment=met.environment, agent=agent, tool_version=before.tool_version
    )
    assert FIRST not in shown(met)
    assert "signal.first_use" not in shown(met, "approvals:detail", action=after.public_id)
    stranger = ActionFactory(environment=met.environment, tool_version=before.tool_version)
    assert shown(met).count(FIRST) == 1
    assert FIRST in shown(met, "approvals:row", action=stranger.public_id)


@pytest.mark.parametrize("status", ["canceled", "expired", "denied"])
def test_what_was_called_off_before_it_began_was_no_first_time(met, status):
    agent = AgentFactory(environment=met.environment)
    before = ActionFactory(environment=met.environment, agent=agent, status=status)
    Action.objects.filter(pk=before.pk).update(approved_at=Now())
    after = ActionFactory(
        environment=met.environment, agent=agent, tool_version=before.tool_version
    )
    assert shown(met).count(FIRST) == 1
    assert "signal.first_use" in shown(met, "approvals:detail", action=after.public_id)


def test_only_mail_to_elsewhere_is_marked_once_it_is_known_what_is_ours(met):
    eve = mail(met, "eve@other.example")
    ana = mail(met, ["ana@example.com"])
    assert OUTSIDE not in shown(met)
    change_environment(met.environment, own_domains=["example.com"])
    assert shown(met).count(OUTSIDE) == 1
    assert OUTSIDE in shown(met, "approvals:row", action=eve.public_id)
    assert "1 recipient with mail outside" in shown(met, "approvals:detail", action=eve.public_id)
    assert "signal.external" not in shown(met, "approvals:detail", action=ana.public_id)


def test_the_index_answers_whether_something_was_let_through(met):
    action = ActionFactory(environment=met.environment, created_at=timezone.now())
    asked = Action.objects.let_through_before(lambda name: getattr(action, name))
    plan = asked.values("pk").explain()
    if connection.vendor == "sqlite":
        assert "COVERING INDEX action_first_use" in plan
