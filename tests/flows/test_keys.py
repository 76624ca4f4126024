"""Every key of the sheet that no journey presses, a person's own keys, and none at all.

The morning itself (next, previous, approve, reject, edit) is walked in the journeys.
"""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.flows.browser import CHROMIUM, Ears, sign_in
from tests.flows.demo import REVIEWER, Demo

pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
INBOX = "/demo/sandbox/inbox/"
KEYS = "/accounts/preferences/keys/"
PLACES = {
    "i": "inbox", "a": "actions", "r": "runs", "e": "events", "t": "tools", "p": "policies",
    "d": "dashboard",
}  # fmt: skip


@pytest.fixture(scope="module")
def here(here: Demo) -> Demo:
    for _ in range(3):
        here.ask_refund()
    return here


@pytest.fixture
def page(here: Demo, context: BrowserContext, ears: Ears) -> Page:
    found = sign_in(context, here, REVIEWER)
    found.goto(here.tree.url + INBOX)
    expect(found.locator(".cs-row-link")).not_to_have_count(0)
    # What the page that was left had asked for is broken off, which is no complaint of this one.
    ears.take()
    return found


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def ticked(page: Page) -> int:
    return page.locator(".cs-row input:checked").count()


def open_first(page: Page) -> None:
    press(page, "j")
    expect(page.locator("#pane [data-action]")).to_be_visible()


def test_rows_are_ticked_one_by_one_and_from_the_last_one_on(page: Page, ears: Ears) -> None:
    press(page, "j", "x")
    assert ticked(page) == 1
    press(page, "x")
    assert ticked(page) == 0
    press(page, "x", "j", "j", "Shift+X")
    assert ticked(page) == 3
    expect(page.locator("#said")).to_have_text("3 ticked")
    expect(page.locator("#together")).to_be_visible()
    assert ears.take() == []


@pytest.mark.parametrize("letter", PLACES)
def test_g_and_a_letter_go_to_a_page(here: Demo, page: Page, letter: str) -> None:
    press(page, "g", letter)
    page.wait_for_url(f"**/demo/sandbox/{PLACES[letter]}/**")


def test_a_letter_long_after_g_is_itself(page: Page) -> None:
    press(page, "g")
    page.wait_for_timeout(1300)
    press(page, "j")
    assert page.url.split("?")[0].endswith(INBOX)
    expect(page.locator("#pane [data-action]")).to_be_visible()


def test_tabs_diff_and_folds_answer_to_their_keys(page: Page, ears: Ears) -> None:
    open_first(page)
    tab = page.locator("#pane [role=tab][aria-selected=true]")
    expect(tab).to_contain_text("Changes")
    press(page, "]")
    expect(tab).to_contain_text("Policy trace")
    press(page, "[", "[")
    expect(tab).to_contain_text("Audit")
    press(page, "]")
    split = page.locator("#pane [data-diff-view=split]")
    before = split.is_visible()
    press(page, "d")
    expect(split).to_be_visible(visible=not before)
    press(page, "d")
    expect(split).to_be_visible(visible=before)
    folds = page.locator("#pane details:not(.cs-drop)")
    count = folds.count()
    press(page, "f")
    expect(page.locator("#pane details[open]:not(.cs-drop)")).to_have_count(count)
    press(page, "f")
    expect(page.locator("#pane details[open]:not(.cs-drop)")).to_have_count(0)
    assert ears.take() == []


@pytest.mark.parametrize(
    ("key", "dialog"),
    [("c", "comment"), ("s", "snooze"), ("e", "edit"), ("r", "reject"), ("a", "approve")],
)
def test_a_key_opens_its_dialog_and_escape_closes_it(page: Page, key: str, dialog: str) -> None:
    open_first(page)
    press(page, key)
    opened = page.locator(f"dialog#{dialog}[open]")
    expect(opened).to_be_visible()
    # A letter that is typed now is text, or nothing, and never a command.
    press(page, "Escape")
    expect(opened).to_have_count(0)


def test_enter_and_o_open_and_escape_leads_back_to_the_row(page: Page) -> None:
    open_first(page)
    link = page.locator(".cs-row-link[aria-current]")
    press(page, "Tab")
    page.locator("#pane [role=tab]").first.focus()
    press(page, "Escape")
    expect(link).to_be_focused()
    press(page, "o")
    expect(page.locator("#pane [data-action]")).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#pane [data-action]")).to_be_visible()


def test_slash_is_for_searching_and_letters_in_it_are_text(here: Demo, page: Page) -> None:
    page.goto(f"{here.tree.url}/demo/sandbox/actions/")
    press(page, "/")
    expect(page.locator("[data-search]")).to_be_focused()
    press(page, "g", "i", "x")
    expect(page.locator("[data-search]")).to_have_value("gix")
    assert page.url.endswith("/actions/")


def test_question_mark_shows_the_sheet_and_modifiers_are_the_browsers(page: Page) -> None:
    press(page, "Control+j", "Alt+j", "Meta+j")
    expect(page.locator("#pane [data-action]")).to_have_count(0)
    press(page, "?")
    expect(page.locator("dialog#keys[open]")).to_be_visible()
    # Behind an open dialog nothing moves.
    press(page, "j")
    expect(page.locator("#pane [data-action]")).to_have_count(0)
    press(page, "Escape")
    expect(page.locator("dialog#keys[open]")).to_have_count(0)


def test_a_person_has_keys_of_their_own_or_none(here: Demo, page: Page, ears: Ears) -> None:
    page.goto(here.tree.url + KEYS)
    page.get_by_label("Next action").fill("n")
    page.get_by_label("Approve").fill("y")
    page.get_by_label("Tick;").fill("q")
    page.get_by_label("Snooze").fill("")
    page.get_by_role("button", name="Save").click()
    page.goto(here.tree.url + INBOX)
    press(page, "j")
    expect(page.locator("#pane [data-action]")).to_have_count(0)
    press(page, "n")
    expect(page.locator("#pane [data-action]")).to_be_visible()
    press(page, "q", "n", "Shift+Q")
    assert ticked(page) == 2
    press(page, "a", "s")
    expect(page.locator("dialog[open]")).to_have_count(0)
    approve = page.locator("#pane [data-key=a]")
    expect(approve).to_have_attribute("aria-keyshortcuts", "y")
    expect(approve.locator("kbd")).to_have_text("Y")
    assert page.locator("#pane [data-key=s]").get_attribute("aria-keyshortcuts") is None
    press(page, "y")
    expect(page.locator("dialog#approve[open]")).to_be_visible()
    press(page, "Escape", "?")
    expect(page.locator("dialog#keys[open]")).to_contain_text("N")

    page.goto(here.tree.url + KEYS)
    page.get_by_role("button", name="All as usual").click()
    page.goto(here.tree.url + "/accounts/preferences/")
    page.get_by_label("Single-key shortcuts").uncheck()
    page.get_by_role("button", name="Save").click()
    page.goto(here.tree.url + INBOX)
    press(page, "j", "x", "?")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert ticked(page) == 0
    page.goto(here.tree.url + "/accounts/preferences/")
    page.get_by_label("Single-key shortcuts").check()
    page.get_by_role("button", name="Save").click()
    assert ears.take() == []
