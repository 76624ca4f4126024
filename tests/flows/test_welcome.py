"""The first run, walked in a real browser from the printed link to a connected agent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.flows.browser import CHROMIUM, TIMEOUT_MS, Ears, chromium
from tests.flows.tree import Tree, started

pytestmark = [
    pytest.mark.flow,
    # A tree and a browser for each size: minutes on a busy machine.
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PASSWORD = "a-long-enough-passphrase-7"  # noqa: S105 - of a tenant that lives for one test


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


@pytest.mark.parametrize("size", SIZES)
def test_the_first_run_is_walked_to_a_connected_agent(browser: Browser, size: str) -> None:
    with started() as tree:
        context = browser.new_context(viewport=SIZES[size])  # type: ignore[arg-type]
        ears = Ears(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(f"{tree.url}/welcome/?code={_code(tree)}")
        for field, value in (
            ("organisation", "Harbour Lights"), ("name", "Ana Ribeiro"),
            ("email", "ana@harbour.example"), ("password", PASSWORD),
        ):  # fmt: skip
            page.fill(f"input[name={field}]", value)
        press(page, "Create and go on")

        press(page, "Make my first source")
        expect(page.locator("main")).to_contain_text("whsec_")
        page.get_by_role("link", name="Next").click()
        press(page, "Send a test event")
        expect(page.locator("#step")).to_contain_text("An action waits for you")
        _fits(page)

        page.get_by_role("link", name="Next").click()
        page.get_by_role("link", name="Look at it").click()
        page.goto(f"{page.url}approve/")
        page.locator("main form button[type=submit]").last.click()
        expect(page.locator("main")).to_contain_text("Succeeded")

        page.goto(f"{tree.url}/harbour-lights/sandbox/welcome/")
        press(page, "Make a key")
        shown = page.locator("code", has_text="COUNTERSIGN_KEY=").inner_text()
        page.goto(f"{tree.url}/harbour-lights/sandbox/welcome/?step=agent")
        expect(page.locator("#step")).to_contain_text("Waiting for the first call")
        _call(tree, shown.partition("=")[2])
        expect(page.locator("#step")).to_contain_text("Connected as first key")
        _fits(page)
        assert ears.take() == []
        context.close()


def _code(tree: Tree) -> str:
    return (tree.data_dir / "setup-code").read_text(encoding="utf-8")


def _call(tree: Tree, key: str) -> None:
    body = {"tool": "rehearsal_note", "arguments": {"note": "Hello"}, "reason": "A first try"}
    with tree.client(key) as client:
        assert client.post("/actions", json=body).status_code == 201


def _fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
