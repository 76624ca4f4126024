"""What goes wrong at a desk: each ends in a clear page, and in one outcome.

Requests are held or broken from before the page is opened: Chromium says that it stops them before
its network process does, and one that leaves at once can pass unseen.
"""

import pytest
from playwright.sync_api import Route, expect

from approvals.models import Action, Approval
from approvals.states import ActionStatus
from tests.factories.tenants import PASSWORD
from tests.flows.journeys.conftest import OpenDesk
from tests.flows.journeys.desk import Desk
from tests.flows.journeys.shop import Shop

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip


@pytest.fixture
def action(here: Shop) -> Action:
    return here.ask("refund", order=1)


@pytest.fixture
def desk(here: Shop, open_desk: OpenDesk) -> Desk:
    return open_desk(here.people.may)


def is_untouched(action: Action) -> bool:
    """Nobody has decided anything."""
    action.refresh_from_db()
    return action.status == ActionStatus.PENDING and not Approval.objects.exists()


def test_the_back_button_after_a_decision_shows_what_is_so_now(desk: Desk, action: Action) -> None:
    desk.open("inbox/")
    row = desk.page.locator(f"#row-{action.public_id}")
    row.click()
    desk.approve()
    desk.expect_said("Approved: ")
    desk.page.go_back()
    desk.page.wait_for_url("**/inbox/")
    expect(row).to_have_count(0)
    expect(desk.page.locator("main")).to_contain_text("Nothing waits for you")


@pytest.mark.long
def test_the_back_button_does_not_ask_again_what_is_decided(desk: Desk, action: Action) -> None:
    asks = f"actions/{action.public_id}/approve/"
    desk.open(asks)
    desk.button("Approve").click()
    desk.page.wait_for_url(f"**/{action.public_id}/")
    desk.page.go_back()
    desk.page.wait_for_url(f"**/{action.public_id}/")
    expect(desk.page.locator("#messages")).to_contain_text("It is approved already")
    expect(desk.button("Approve")).to_have_count(0)
    assert Approval.objects.count() == 1


def test_a_session_that_ends_in_mid_decision_leads_to_the_sign_in_and_back(
    desk: Desk, action: Action
) -> None:
    desk.open_action(action)
    desk.sign_out()
    desk.approve()
    desk.page.wait_for_url("**/accounts/login/**")
    assert is_untouched(action)

    desk.page.fill("input[name=login]", desk.person.email)
    desk.page.fill("input[name=password]", PASSWORD)
    desk.page.get_by_role("button", name="Sign in", exact=True).click()
    desk.page.wait_for_url(f"**/actions/{action.public_id}/")
    assert is_untouched(action)
    desk.approve()
    desk.expect_said("Approved: ")


@pytest.mark.long
def test_a_form_of_an_earlier_session_is_refused_with_what_to_do(
    desk: Desk, action: Action
) -> None:
    desk.open_action(action)
    desk.context.clear_cookies()
    desk.sign_in()
    other = desk.another_tab()
    other.open_action(action)
    desk.approve()
    note = desk.page.locator("#messages [role=alert]")
    expect(note).to_contain_text("This page is out of date")
    expect(note).to_be_focused()
    expect(note).to_be_in_viewport()
    expect(desk.page.locator("dialog[open]")).to_have_count(0)
    assert desk.shown == action.public_id
    assert is_untouched(action)

    desk.open(f"actions/{action.public_id}/approve/")
    desk.page.evaluate("document.cookie = 'countersign-csrf=; path=/; max-age=0'")
    desk.button("Approve").click()
    expect(desk.page.get_by_role("heading", name="This page is out of date")).to_be_visible()
    assert is_untouched(action)


def test_a_double_click_is_one_vote(desk: Desk, action: Action) -> None:
    desk.open_action(action)
    desk.card.get_by_role("link", name="Approve").click()
    desk.button("Approve", within=desk.dialog("approve")).dblclick()
    desk.expect_said("Approved: ")
    expect(desk.page.locator("#conflict, #refused")).to_have_count(0)
    assert Approval.objects.count() == 1


@pytest.mark.long
def test_a_double_click_on_the_page_that_asks_is_one_vote(desk: Desk, action: Action) -> None:
    desk.open(f"actions/{action.public_id}/approve/")
    desk.button("Approve").dblclick()
    desk.page.wait_for_url(f"**/{action.public_id}/")
    expect(desk.page.locator("#messages")).to_contain_text("Approved: ")
    expect(desk.page.locator("#conflict, #refused")).to_have_count(0)
    assert Approval.objects.count() == 1


def test_without_a_connection_nothing_can_be_decided(desk: Desk, action: Action) -> None:
    desk.open_action(action)
    approve = desk.card.get_by_role("link", name="Approve")
    desk.context.set_offline(True)
    expect(desk.page.locator("#stale")).to_be_visible()
    expect(approve).to_have_attribute("aria-disabled", "true")
    desk.press("a")
    expect(desk.page.locator("dialog[open]")).to_have_count(0)
    expect(desk.page.locator("#approve-form button[type=submit]")).to_be_disabled()
    assert is_untouched(action)

    desk.context.set_offline(False)
    expect(desk.page.locator("#stale")).to_be_hidden()
    desk.approve()
    desk.expect_said("Approved: ")


@pytest.mark.long
def test_a_connection_lost_while_asking_leaves_the_question_shut(
    desk: Desk, action: Action
) -> None:
    desk.open_action(action)
    desk.card.get_by_role("link", name="Approve").click()
    button = desk.button("Approve", within=desk.dialog("approve"))
    desk.context.set_offline(True)
    expect(button).to_be_disabled()
    desk.context.set_offline(False)
    expect(button).to_be_enabled()
    button.click()
    desk.expect_said("Approved: ")


def test_news_neither_shuts_nor_pales_a_question_that_was_opened_meanwhile(
    desk: Desk, action: Action
) -> None:
    own, held = f"**/{action.public_id}/", list[Route]()

    def hold_the_first(route: Route) -> None:
        if held or route.request.is_navigation_request():
            route.continue_()
        else:
            held.append(route)

    desk.page.route(own, hold_the_first)
    desk.open_action(action)
    with desk.page.expect_request(own):
        desk.page.evaluate("htmx.trigger('#action', 'cs:changed')")
    desk.card.get_by_role("link", name="Reject").click()
    dialog = desk.dialog("reject")
    reason = dialog.locator("textarea")
    reason.fill("Half a rea")
    button = desk.button("Reject", within=dialog)
    expect(button).to_have_css("opacity", "1")
    button.click(trial=True)
    with desk.page.expect_response(own):
        held[0].continue_()
    with desk.page.expect_response(own):
        expect(reason).to_have_value("Half a rea")
        desk.press("Escape")
    expect(desk.page.locator("dialog[open]")).to_have_count(0)


def test_news_does_not_take_the_place_of_an_answer(desk: Desk, action: Action) -> None:
    own, held = f"**/{action.public_id}/", list[Route]()
    desk.page.route("**/undo/", lambda route: held.append(route))
    desk.open_action(action)
    desk.approve()
    desk.expect_said("Approved: ")
    with desk.page.expect_request("**/undo/"):
        desk.press("u")
    with desk.page.expect_response(own):
        desk.page.evaluate("htmx.trigger('#action', 'cs:changed')")
    held[0].continue_()
    desk.expect_said("Approval undone: ")
    expect(desk.card.get_by_role("link", name="Approve")).to_be_visible()


def test_an_answer_that_does_not_come_is_told_in_the_question(desk: Desk, action: Action) -> None:
    desk.page.route("**/approve/", lambda route: route.abort())
    desk.open_action(action)
    desk.approve()
    told = desk.dialog("approve").locator(".cs-unsent")
    expect(told).to_contain_text("No answer came")
    expect(told).to_be_focused()
    assert is_untouched(action)

    desk.page.unroute("**/approve/")
    desk.button("Approve", within=desk.dialog("approve")).click()
    desk.expect_said("Approved: ")


@pytest.mark.long
def test_a_server_that_fails_is_told_with_its_number(desk: Desk, action: Action) -> None:
    def broken(route: Route) -> None:
        route.fulfill(status=502, body="<h1>Bad gateway</h1>", content_type="text/html")

    desk.page.route("**/approve/", broken)
    desk.open_action(action)
    desk.approve()
    expect(desk.dialog("approve").locator(".cs-unsent")).to_contain_text("The server answered 502")
    assert is_untouched(action)
