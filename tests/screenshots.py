"""`python -m tests.screenshots [FOLDER]`: every page, light and dark, desktop and phone.

Starts the tree with its demo on a data folder of its own, so nothing of yours is touched or shown.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from playwright.sync_api import Browser, BrowserContext, Page  # noqa: E402 - settings first

from tests.flows.browser import CHROMIUM, chromium, sign_in  # noqa: E402
from tests.flows.demo import ADMIN, REVIEWER, Demo, demo  # noqa: E402
from tests.flows.pages import signed_in_pages, signed_out_pages  # noqa: E402

FOLDER = Path("screenshots")
SIZES = {
    "desktop": {"width": 1440, "height": 900},
    "tablet": {"width": 834, "height": 1112},
    "phone": {"width": 390, "height": 844},
}
THEMES = ("light", "dark")


@contextmanager
def _context(browser: Browser, *, size: str, theme: str) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme)  # type: ignore[arg-type]
    try:
        yield context
    finally:
        context.close()


def main(folder: Path) -> int:
    """Take them all; the exit code."""
    if not CHROMIUM.exists():
        print(f"There is no {CHROMIUM}: install Debian's chromium.", file=sys.stderr)  # noqa: T201
        return 1
    with demo() as here, chromium() as browser:
        actions = _fill(here, browser)
        for size in SIZES:
            for theme in THEMES:
                target = folder / f"{size}-{theme}"
                target.mkdir(parents=True, exist_ok=True)
                with _context(browser, size=size, theme=theme) as context:
                    _signed_in(context, here, target)
                    _states(context, here, target, actions=actions)
                with _context(browser, size=size, theme=theme) as context:
                    page = sign_in(context, here, REVIEWER)
                    url = f"{_page_of(here, actions['granted'])}grant/"
                    _take(page, url, target / "grant-derived.png")
                with _context(browser, size=size, theme=theme) as context:
                    _signed_out(context, here, target)
    return 0


def _fill(here: Demo, browser: Browser) -> dict[str, str]:
    """An action in every state that a reviewer meets; their ids by what there is to see.

    The first page shows the refund.
    """
    mail = here.ask(
        "send_email", to="mara.lindqvist@example.com", subject="Your order", body="Hello Mara"
    )
    staged, held = here.ask_refund("1400.00"), here.ask_refund("1100.00")
    cared, rejected = here.ask_refund("35.00"), here.ask_refund("90.00")
    for action in (staged, held):
        _decided(here, action, "approve")
    _decided(here, rejected, "reject", reason="Refunded by the carrier already.")
    with _context(browser, size="desktop", theme="light") as context:
        page = sign_in(context, here, ADMIN)
        _approved(page, here, held["id"])
        _looked_after(page, here, cared["id"])
    with _context(browser, size="desktop", theme="light") as context:
        page = sign_in(context, here, REVIEWER)
        _asked(page, here, mail["id"])
    here.known["action"] = here.ask_refund("120.00")["id"]
    mails = here.place.items("actions", status="succeeded", tool="send_email")
    return {
        "staged": staged["id"], "held": held["id"], "cared-for": cared["id"], "ran": mails[0]["id"],
        "granted": mails[-1]["id"], "thread": mail["id"], "rejected": rejected["id"],
    }  # fmt: skip


def _decided(here: Demo, action: Any, verb: str, **more: str) -> None:
    body = {"digest": action["digest"], **more}
    answer = here.place.api.post(f"/actions/{action['id']}/{verb}", json=body)
    assert answer.status_code == 200, answer.text


def _approved(page: Page, here: Demo, action: str) -> None:
    page.goto(f"{_page_of(here, action)}approve/")
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url(lambda url: "/approve/" not in url)


def _looked_after(page: Page, here: Demo, action: str) -> None:
    page.goto(_page_of(here, action))
    page.get_by_role("button", name="I’m on it").or_(
        page.get_by_role("button", name="I'm on it")
    ).first.click()
    page.wait_for_load_state()
    page.goto(f"{_page_of(here, action)}snooze/")
    page.locator("main form[action$='/snooze/'] button[type=submit]").last.click()
    page.wait_for_load_state()


def _asked(page: Page, here: Demo, action: str) -> None:
    page.goto(f"{_page_of(here, action)}comment/")
    page.locator("main textarea[name=text]").last.fill("Which order is this about?")
    page.locator("main button[name=ask]").last.click()
    page.wait_for_load_state()


def _page_of(here: Demo, action: str) -> str:
    return f"{here.tree.url}/demo/sandbox/actions/{action}/"


def _signed_in(context: BrowserContext, here: Demo, folder: Path) -> None:
    page = sign_in(context, here, ADMIN)
    for name, address in signed_in_pages(here).items():
        _take(page, here.tree.url + address, folder / f"{name.replace(':', '-')}.png")
    page.goto(f"{here.tree.url}/demo/sandbox/inbox/?selected={here.known['action']}")
    page.locator(".cs-live[data-state=live]").wait_for(state="attached")
    # One screen, as it is seen: this is the README's picture.
    page.screenshot(path=folder / "desk.png")


def _states(context: BrowserContext, here: Demo, folder: Path, *, actions: dict[str, str]) -> None:
    """Actions in their states, a dialog over one, a grant to derive, and a stopped environment."""
    page = context.pages[0]
    for name, action in actions.items():
        _take(page, _page_of(here, action), folder / f"action-{name}.png")
    page.goto(_page_of(here, actions["thread"]))
    page.locator("[data-opens=edit]").click()
    page.locator("dialog#edit[open]").wait_for()
    page.screenshot(path=folder / "action-edit.png")
    _stop(here, on=True)
    for name in ("inbox", "kill-switch"):
        _take(page, f"{here.tree.url}/demo/sandbox/{name}/", folder / f"stopped-{name}.png")
    _stop(here, on=False)


def _stop(here: Demo, *, on: bool) -> None:
    body = {"scope": "tool:send_email", "on": on, "reason": "Somebody reads along."}
    answer = here.place.api.post("/kill-switch", json=body)
    assert answer.status_code == 200, answer.text


def _signed_out(context: BrowserContext, here: Demo, folder: Path) -> None:
    page = context.new_page()
    for name, address in signed_out_pages(here).items():
        _take(page, here.tree.url + address, folder / f"{name}.png")
    _take(page, f"{here.tree.url}/nowhere/", folder / "not-found.png")


def _take(page: Page, url: str, target: Path) -> None:
    answer = page.goto(url, wait_until="load")
    if page.locator(".cs-live[data-stream]").count():
        page.locator(".cs-live[data-state=live]").wait_for(state="attached")
    if "/api/docs" in url:
        page.locator(".swagger-ui .info").wait_for()
    page.screenshot(path=target, full_page=True)
    print(f"{answer.status if answer else '---'} {target}")  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
