"""`python -m tests.screenshots [FOLDER]`: every page, light and dark, desktop and phone.

Starts the tree with its demo on a data folder of its own, so nothing of yours is touched or shown.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

django.setup()

from playwright.sync_api import Browser, BrowserContext, Page  # noqa: E402 - settings first

from tests.flows.browser import CHROMIUM, chromium, routes, sign_in  # noqa: E402
from tests.flows.demo import ADMIN, Demo, demo  # noqa: E402

FOLDER = Path("screenshots")
SIZES = {
    "desktop": {"width": 1440, "height": 900},
    "tablet": {"width": 834, "height": 1112},
    "phone": {"width": 390, "height": 844},
}
THEMES = ("light", "dark")
# Pieces of pages, and addresses that only redirect.
NO_PAGES = {"favicon", "home", "account_email", "approvals:inbox_count", "approvals:row"}
SIGNED_OUT = {"account_login", "account_reset_password", "account_inactive", "invitation"}


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
        _fill(here)
        for size in SIZES:
            for theme in THEMES:
                target = folder / f"{size}-{theme}"
                target.mkdir(parents=True, exist_ok=True)
                with _context(browser, size=size, theme=theme) as context:
                    _signed_in(context, here, target)
                with _context(browser, size=size, theme=theme) as context:
                    _signed_out(context, here, target)
    return 0


def _fill(here: Demo) -> None:
    """A few more actions that wait; the first page shows the refund."""
    here.ask("send_email", to="mara.lindqvist@example.com", subject="Your order", body="Hello Mara")
    here.known["action"] = here.ask_refund("120.00")["id"]


def _signed_in(context: BrowserContext, here: Demo, folder: Path) -> None:
    page = sign_in(context, here, ADMIN)
    for name, address in routes(here.known).items():
        if name not in NO_PAGES | SIGNED_OUT:
            _take(page, here.tree.url + address, folder / f"{name.replace(':', '-')}.png")
    for name, address in here.other_pages.items():
        _take(page, here.tree.url + address, folder / f"{name}.png")
    page.goto(f"{here.tree.url}/demo/sandbox/inbox/?selected={here.known['action']}")
    page.locator(".cs-live[data-state=live]").wait_for(state="attached")
    # One screen, as it is seen: this is the README's picture.
    page.screenshot(path=folder / "desk.png")


def _signed_out(context: BrowserContext, here: Demo, folder: Path) -> None:
    page = context.new_page()
    for name, address in routes(here.known).items():
        if name in SIGNED_OUT:
            _take(page, here.tree.url + address, folder / f"{name}.png")
    _take(page, f"{here.tree.url}/nowhere/", folder / "not-found.png")


def _take(page: Page, url: str, target: Path) -> None:
    answer = page.goto(url, wait_until="load")
    if answer is not None and answer.status == 405:
        return
    if "/api/docs" in url:
        page.locator(".swagger-ui .info").wait_for()
    page.screenshot(path=target, full_page=True)
    print(f"{answer.status if answer else '---'} {target}")  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
