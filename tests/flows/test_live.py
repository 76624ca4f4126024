"""What pages show while the server is slow, cannot be heard, or is not there."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.flows.browser import CHROMIUM, sign_in
from tests.flows.demo import REVIEWER, Demo

pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
INBOX = "/demo/sandbox/inbox/"
STREAM = re.compile(r"/demo/sandbox/stream/$")
POLL_MS = 15_000


@pytest.fixture
def two(browser: Browser) -> Iterator[tuple[BrowserContext, BrowserContext]]:
    """Two people's browsers."""
    opened = [browser.new_context(viewport={"width": 1440, "height": 900}) for _ in range(2)]
    yield opened[0], opened[1]
    for one in opened:
        one.close()


def inbox(here: Demo, context: BrowserContext, email: str) -> Page:
    page = sign_in(context, here, email)
    page.goto(here.tree.url + INBOX)
    expect(page.locator(".cs-live")).to_have_attribute("data-state", "live")
    return page


def test_without_script_nobody_is_present_and_the_page_works(here: Demo, browser: Browser) -> None:
    action = here.ask_refund()["id"]
    context = browser.new_context(java_script_enabled=False)
    page = sign_in(context, here, REVIEWER)
    page.goto(f"{here.tree.url}/demo/sandbox/actions/{action}/")
    expect(page.locator(f"[data-there={action}]")).to_be_hidden()
    expect(page.get_by_role("link", name="Approve")).to_be_visible()
    context.close()


def test_where_the_stream_is_refused_the_page_asks_every_15_seconds(
    here: Demo, two: tuple[BrowserContext, BrowserContext]
) -> None:
    page = sign_in(two[0], here, REVIEWER)
    refused = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503, body="No news come through at the moment.")

    page.route(STREAM, refuse)
    page.goto(here.tree.url + INBOX)
    dot = page.locator(".cs-live")
    expect(dot).to_have_attribute("data-state", "polling")
    expect(dot).to_have_text("Polling")
    action = here.ask_refund()["id"]
    # It comes by asking alone: behind the pill, or at once where no row has the cursor.
    row = page.locator(f"#row-{action}")
    expect(row).to_be_visible(timeout=POLL_MS + 5_000)
    assert len(refused) > 1
    page.unroute(STREAM)
    expect(dot).to_have_attribute("data-state", "live", timeout=25_000)


def test_offline_nothing_can_be_decided_and_the_page_says_so(
    here: Demo, two: tuple[BrowserContext, BrowserContext]
) -> None:
    action = here.ask_refund()["id"]
    page = inbox(here, two[0], REVIEWER)
    page.locator(f"#row-{action}").click()
    approve = page.locator(f"#pane [data-action={action}] [data-key=a]")
    expect(approve).to_be_visible()
    two[0].set_offline(True)
    expect(page.locator("#stale")).to_contain_text("nothing can be decided")
    approve.click(force=True)
    page.keyboard.press("a")
    expect(page.locator("dialog[open]")).to_have_count(0)
    two[0].set_offline(False)
    expect(page.locator("#stale")).to_be_hidden()
    expect(page.locator(".cs-live")).to_have_attribute("data-state", "live")
    approve.click()
    expect(page.locator("dialog#approve[open]")).to_be_visible()


def test_a_slow_answer_shows_where_the_text_will_be(
    here: Demo, two: tuple[BrowserContext, BrowserContext]
) -> None:
    action = here.ask_refund()["id"]
    held: list[Route] = []
    two[0].route(re.compile(rf"/actions/{action}/\?pane=1"), lambda route: held.append(route))
    page = inbox(here, two[0], REVIEWER)
    page.locator(f"#row-{action}").click()
    pane = page.locator("#pane")
    expect(pane).to_have_attribute("aria-busy", "true")
    expect(pane).to_have_class(re.compile("is-loading"))
    held[0].continue_()
    expect(page.locator(f"#pane [data-action={action}]")).to_be_visible()
    expect(pane).not_to_have_class(re.compile("is-loading"))
