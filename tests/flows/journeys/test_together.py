"""Several actions decided together, each bound to the line that was shown."""

import pytest
from playwright.sync_api import expect

from approvals.models import Action, Approval
from approvals.services import approve
from approvals.states import ActionStatus
from tests.flows.journeys.conftest import OpenDesk
from tests.flows.journeys.desk import Desk
from tests.flows.journeys.shop import Shop

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip


def tick(desk: Desk, actions: list[Action], verb: str) -> None:
    """Tick their rows and go to the page that asks once for all of them."""
    desk.open("inbox/")
    for action in actions:
        desk.page.locator(f".cs-row input[value={action.public_id}]").check()
    desk.page.locator("#together").get_by_role("button", name=verb).click()


def test_a_bulk_reject_says_what_became_of_each(here: Shop, open_desk: OpenDesk) -> None:
    tools = ("tag_order", "refund", "transfer")
    actions = [here.ask(tool, order=n) for n, tool in enumerate(tools)]
    kept = here.ask("refund", order=9)
    desk = open_desk(here.people.may)
    tick(desk, actions, "Reject")
    table = desk.page.get_by_role("table")
    for action in actions:
        expect(table).to_contain_text(action.effect)

    # One of them is decided by somebody else while the reviewer reads.
    by = here.people.principal(here.people.second)
    approve(action=actions[0], by=by, digest=actions[0].digest)
    desk.page.get_by_label("Suspicious text").check()
    desk.button("Reject 3").click()
    expect(desk.page.get_by_role("heading", name="Rejected 2 of 3")).to_be_visible()
    expect(desk.page.get_by_role("alert")).to_contain_text("The action is approved already")

    became = {one.pk: one.status for one in Action.objects.all()}
    assert [became[one.pk] for one in (*actions, kept)] == [
        ActionStatus.APPROVED, ActionStatus.REJECTED, ActionStatus.REJECTED, ActionStatus.PENDING,
    ]  # fmt: skip
    votes = Approval.objects.filter(user=here.people.may)
    assert {vote.digest for vote in votes} == {one.digest for one in actions[1:]}
    assert {one.reason for one in Action.objects.filter(status="rejected")} == {"Suspicious text"}
    desk.page.get_by_role("link", name="Back to the inbox").click()
    expect(desk.page.locator(".cs-row-link")).to_have_count(1)


@pytest.mark.long
def test_only_what_is_alike_and_harmless_is_approved_together(
    here: Shop, open_desk: OpenDesk
) -> None:
    alike = [here.ask("refund", order=n) for n in range(2)]
    high = here.ask("transfer", order=9)
    desk = open_desk(here.people.may)
    tick(desk, [*alike, high], "Approve")
    expect(desk.page.get_by_role("alert")).to_contain_text("approved one by one")

    tick(desk, alike, "Approve")
    desk.page.get_by_label("How many do you approve?").fill("3")
    desk.button("Approve 2").click()
    expect(desk.page.locator("main")).to_contain_text("You typed 3; the table has 2.")
    assert not Approval.objects.exists()
    desk.page.get_by_label("How many do you approve?").fill("2")
    desk.button("Approve 2").click()
    expect(desk.page.get_by_role("heading", name="Approved 2 of 2")).to_be_visible()
    assert {vote.digest for vote in Approval.objects.all()} == {one.digest for one in alike}
