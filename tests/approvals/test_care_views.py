"""The desk's pages of looking after actions: thread, assigning, snoozing, substitutes, figures."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.models import Comment, Delegation, Opening
from tests import people
from tests.desk import HTMX, at, signed_in, text
from tests.factories.approvals import (
    ActionFactory,
    ApprovalFactory,
    CommentFactory,
    DelegationFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def action(met):
    return ActionFactory(environment=met.environment)


def page(action, verb="detail"):
    return at(action.environment, f"approvals:{verb}", action=action.public_id)


def test_a_comment_and_a_question_stand_in_the_thread(met, action):
    browser = signed_in(met.may)
    assert browser.post(page(action, "comment"), {"text": "Odd."}).status_code == 302
    shown = browser.post(page(action, "comment"), {"text": "Why?", "ask": "1"}, headers=HTMX)
    assert "asked the agent" in text(shown)
    assert [said.kind for said in Comment.objects.all()] == ["comment", "question"]


def test_an_answer_is_labelled_unverified_and_hostile_text_is_inert(met, action):
    asked = CommentFactory(action=action, author=met.may, kind="question")
    CommentFactory(
        action=action, author=None, agent=action.agent, kind="answer", question=asked,
        text="\u202eok <script>alert(1)</script>",
    )  # fmt: skip
    shown = text(signed_in(met.may).get(page(action)))
    assert "Agent says (unverified)" in shown
    assert "<script>alert" not in shown
    assert "\u202e" not in shown


def test_who_is_on_it_is_shown_to_others_and_blocks_nobody(met, action):
    signed_in(met.may).post(page(action, "take"))
    other = signed_in(met.second)
    assert f"{met.may} is on it" in text(other.get(page(action)))
    assert other.post(page(action, "approve"), {"digest": action.digest}).status_code == 302


def test_an_assigned_action_is_found_by_the_filter(met, action):
    other = ActionFactory(environment=met.environment)
    to = met.member(met.second).public_id
    assert signed_in(met.may).post(page(action, "assign"), {"to": to}).status_code == 302
    inbox = at(met.environment, "approvals:inbox")
    mine = text(signed_in(met.second).get(inbox, {"assignee": "me"}))
    assert action.public_id in mine
    assert other.public_id not in mine
    assert "Assigned to me 1" in text(signed_in(met.second).get(inbox))


def test_nobody_is_assigned_who_may_not_decide(met, action):
    to = met.member(met.may_not).public_id
    assert signed_in(met.may).post(page(action, "assign"), {"to": to}).status_code == 422


def test_a_snoozed_action_leaves_the_inbox_and_the_chip_finds_it(met, action):
    browser, inbox = signed_in(met.may), at(met.environment, "approvals:inbox")
    assert browser.post(page(action, "snooze"), {"until": "hour"}).status_code == 302
    shown = text(browser.get(inbox))
    assert f"row-{action.public_id}" not in shown
    assert "Snoozed 1" in shown
    assert f"row-{action.public_id}" in text(browser.get(inbox, {"snoozed": "1"}))
    browser.post(page(action, "wake"))
    assert f"row-{action.public_id}" in text(browser.get(inbox))


def test_the_page_of_delegations_names_a_substitute_and_ends_it(met):
    browser, address = signed_in(met.second), at(met.environment, "approvals:delegations")
    now, later = timezone.now(), timezone.now() + timedelta(days=2)
    data = {
        "substitute": met.member(met.may).public_id, "scope": "",
        "starts_at": f"{now:%Y-%m-%dT%H:%M}", "ends_at": f"{later:%Y-%m-%dT%H:%M}",
    }  # fmt: skip
    assert browser.post(address, data).status_code == 302
    row = Delegation.objects.get()
    assert "In force" in text(browser.get(address))
    browser.post(at(met.environment, "approvals:revoke_delegation", delegation=row.public_id))
    assert "Ended early" in text(browser.get(address))
    assert browser.post(address, {**data, "ends_at": "2020-01-01T00:00"}).status_code == 422


def test_another_tenants_delegation_is_not_there(met):
    row = DelegationFactory(environment=met.elsewhere)
    address = at(met.environment, "approvals:revoke_delegation", delegation=row.public_id)
    assert signed_in(met.admin).post(address).status_code == 404


def test_figures_of_reviewers_lead_to_what_they_count(met, action):
    seen = timezone.now() - timedelta(seconds=1)
    ApprovalFactory(action=action, user=met.may, opened_at=seen)
    other = ActionFactory(environment=met.environment)
    ApprovalFactory(action=other, user=met.may)
    address = at(met.environment, "approvals:reviewers")
    shown = text(signed_in(met.admin).get(address))
    assert str(met.may) in shown
    listed = at(met.environment, "approvals:list")
    query = {"decider": met.may.public_id, "voted_days": 30}
    quick = text(signed_in(met.admin).get(listed, {**query, "pace": "quick"}))
    assert action.public_id in quick
    assert other.public_id not in quick
    assert other.public_id in text(signed_in(met.admin).get(listed, {**query, "pace": "unopened"}))
    assert met.may.email in text(signed_in(met.admin).get(address, {"format": "csv"}))
    assert signed_in(met.may).get(address).status_code == 403


def test_opening_a_card_is_noted_once_for_who_may_decide(met, action):
    for who in (met.may, met.may, met.may_not):
        signed_in(who).get(page(action))
    row = Opening.objects.get()
    assert (row.user, row.action_version) == (met.may, action.version)


def test_deciding_alone_counts_as_approving_and_the_number_leads_there(met, action):
    ApprovalFactory(action=action, user=met.second, decision="break_glass")
    shown = text(signed_in(met.admin).get(at(met.environment, "approvals:reviewers")))
    link = re.search(r'href="([^"]*decision=approve)"[^>]*>1<', shown)
    assert link
    listed = signed_in(met.admin).get(link[1].replace("&amp;", "&"))
    assert action.public_id in text(listed)


def test_whoever_opens_the_address_of_a_button_is_led_to_the_action(met, action):
    browser = signed_in(met.may)
    for verb in ("take", "let_go", "wake"):
        assert browser.get(page(action, verb))["Location"] == page(action, "detail")
