"""The steps of the first run, from the printed link to a connected agent."""

from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

PASSWORD = "a-long-enough-passphrase-7"  # noqa: S105 - of a tenant that lives for one test
FIRST = {
    "organisation": "Harbour Lights", "name": "Ana Ribeiro", "email": "ana@harbour.example",
    "password": PASSWORD,
}  # fmt: skip
HOME = "/harbour-lights/sandbox/welcome/"


def walk(page: Page, url: str, *, code: str, work: Callable[[], object]) -> None:
    """Every step in its order; `work` lets happen what workers do, where there are none."""
    page.goto(f"{url}/welcome/?code={code}")
    for field, value in FIRST.items():
        page.fill(f"input[name={field}]", value)
    _press(page, "Create and go on")

    _press(page, "Make my first source")
    expect(page.locator("main")).to_contain_text("whsec_")
    fits(page)
    page.get_by_role("link", name="Next").click()
    _press(page, "Send a test event")
    page.wait_for_url("**step=event")
    work()
    expect(page.locator("#step")).to_contain_text("An action waits for you")
    fits(page)

    page.get_by_role("link", name="Next").click()
    page.get_by_role("link", name="Look at it").click()
    page.locator(".cs-bar").get_by_role("link", name="Approve").click()
    question = page.locator("dialog#approve[open]")
    question.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Approved: ")
    work()
    page.reload()
    expect(page.locator("main")).to_contain_text("Succeeded")

    page.goto(url + HOME)
    _press(page, "Make a key")
    shown = page.locator("code", has_text="COUNTERSIGN_KEY=").inner_text()
    page.goto(f"{url}{HOME}?step=agent")
    expect(page.locator("#step")).to_contain_text("Waiting for the first call")
    _call(url, shown.partition("=")[2])
    expect(page.locator("#step")).to_contain_text("Connected as first key")
    fits(page)


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def _call(url: str, key: str) -> None:
    body = {"tool": "rehearsal_note", "arguments": {"note": "Hello"}, "reason": "A first try"}
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(f"{url}/api/v1/actions", json=body, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
