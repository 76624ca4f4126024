"""Two people, or two tabs, at one action: one outcome, and the later one is told of it."""

from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.models import Action, Approval
from approvals.states import ActionStatus
from tests.flows.journeys.conftest import OpenDesk
from tests.flows.journeys.desk import Desk
from tests.flows.journeys.shop import Shop

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip


def too_late(desk: Desk, decide: Any) -> None:
    """The decision is answered by 409 and the action as it stands now; that has the focus."""
    with desk.page.expect_response(lambda one: one.request.method == "POST") as answer:
        decide()
    assert answer.value.status == 409
    expect(desk.page.locator("#conflict")).to_be_focused()
    expect(desk.page.locator("#conflict")).to_be_in_viewport()
    expect(desk.page.locator("#conflict")).to_contain_text("Nothing was decided by you just now")
    expect(desk.page.locator("dialog[open]")).to_have_count(0)


def only_vote(action: Action) -> Approval:
    return Approval.objects.get(action=action, void_at=None)


def both_at_one_action(here: Shop, open_desk: OpenDesk) -> tuple[Action, Desk, Desk]:
    """A refund that two reviewers have before them."""
    action = here.ask("refund", order=1)
    first, second = open_desk(here.people.may), open_desk(here.people.second)
    for desk in (first, second):
        desk.open_action(action)
    return action, first, second


def test_the_later_of_two_reviewers_sees_what_the_first_decided(
    here: Shop, open_desk: OpenDesk
) -> None:
    action, first, second = both_at_one_action(here, open_desk)
    first.approve()
    first.expect_said("Approved: Refund 1.00 EUR on order ORD-1")

    too_late(second, lambda: second.reject("Not needed"))
    expect(second.page.locator("#conflict")).to_contain_text("The action is approved already")
    expect(second.card.get_by_role("link", name="Approve")).to_have_count(0)
    action.refresh_from_db()
    assert action.status == ActionStatus.APPROVED
    assert only_vote(action).user == here.people.may


@pytest.mark.long
def test_who_approves_what_was_edited_meanwhile_sees_the_new_version_first(
    here: Shop, open_desk: OpenDesk
) -> None:
    action, first, second = both_at_one_action(here, open_desk)
    first.edit("1.00 EUR", "7.00 EUR")
    expect(first.card.locator(".cs-title")).to_contain_text("7.00 EUR")

    seen = second.digest
    too_late(second, lambda: second.approve())
    expect(second.card.locator(".cs-title")).to_contain_text("7.00 EUR")
    assert second.digest != seen
    assert not Approval.objects.exists()

    second.approve()
    second.expect_said("Approved: Refund 7.00 EUR")
    assert only_vote(action).digest == second.digest


@pytest.mark.long
def test_two_tabs_of_one_person_decide_once(here: Shop, open_desk: OpenDesk) -> None:
    action = here.ask("refund", order=1)
    desk = open_desk(here.people.may)
    desk.open_action(action)
    other = desk.another_tab()
    other.open_action(action)
    desk.approve()
    desk.expect_said("Approved: ")
    too_late(other, lambda: other.reject("Wrong amount"))
    assert only_vote(action).decision == "approve"
