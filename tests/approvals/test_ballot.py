"""The card tells each stage and alternative: how far it is, who voted, who can still vote."""

import re

import pytest

from approvals.services import approve, reject
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.approvals import ActionFactory
from tests.factories.tenants import GroupFactory

pytestmark = pytest.mark.django_db
STAGED = {
    "stages": [
        {
            "name": "money",
            "reviewers": ["group:finance"],
            "quorum": 2,
            "alternatives": [{"reviewers": ["role:admin"], "quorum": 1}],
        },
        {"name": "law", "reviewers": ["group:legal"], "quorum": 1},
    ],
    "rejections": 2,
}


@pytest.fixture
def met():
    found = people.ready()
    for slug, user in (("finance", found.may), ("legal", found.second)):
        found.member(user).groups.add(GroupFactory(tenant=found.environment.tenant, slug=slug))
    return found


@pytest.fixture
def action(met):
    return ActionFactory(environment=met.environment, requirement=STAGED)


def words(user, action):
    """The card's text as one line."""
    shown = text(signed_in(user).get(card(action)))
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def card(action):
    return at(action.environment, "approvals:detail", action=action.public_id)


def test_the_card_says_how_far_each_stage_and_alternative_is(met, action):
    shown = words(met.may_not, action)
    assert "money: 0 of 2 from finance or 0 of 1 from admin" in shown
    assert "law: 0 of 1 from legal" in shown
    assert "0 of 2 rejections that end it" in shown
    assert f"Can still decide: {', '.join(sorted([str(met.may), str(met.admin)]))}" in shown
    approve(action=action, by=met.principal(met.admin), digest=action.digest)
    shown = words(met.may_not, action)
    assert "money: 0 of 2 from finance or 1 of 1 from admin" in shown
    assert "0 of 1 approvals in stage 2 of 2" in shown
    assert f"Can still decide: {met.second}" in shown
    assert f"{met.admin} money Approved" in shown


def test_whose_turn_it_is_not_reads_so_and_gets_no_buttons(met, action):
    shown = words(met.second, action)
    assert "“law”, which is yours, comes later" in shown
    assert "Approve…" not in shown
    assert "Approve…" in words(met.may, action)


def test_the_last_of_several_is_told_that_it_is(met, action):
    assert "yours is the last" not in words(met.admin, action)
    approve(action=action, by=met.principal(met.admin), digest=action.digest)
    assert "yours is the last" in words(met.second, action)


def test_a_rejection_that_does_not_end_it_is_counted_on_the_card(met, action):
    reject(action=action, by=met.principal(met.may), digest=action.digest, reason="Not yet.")
    shown = words(met.may_not, action)
    assert "1 of 2 rejections that end it" in shown
    assert f"Can still decide: {met.admin}" in shown


def test_the_card_says_what_is_missing_where_nobody_can_decide(met, action):
    reject(action=action, by=met.principal(met.may), digest=action.digest, reason="Not yet.")
    met.member(met.admin).roles.all().delete()
    shown = words(met.may_not, action)
    assert "Nobody can decide this" in shown
    assert "2 of group:finance (2 needed, 0 members can decide) or 1 of role:admin" in shown


def test_a_simple_quorum_is_shown_simply(met):
    action = ActionFactory(
        environment=met.environment, requirement={"reviewers": ["role:reviewer"], "quorum": 2}
    )
    assert "0 of 2 approvals" in words(met.may, action)
    inbox = signed_in(met.may).get(at(met.environment, "approvals:inbox"))
    assert "0/2" in text(inbox)
