"""A real browser at a server of this process, with ears for everything that must not happen."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from gateway.tenants.models import User
from tests.flows.browser import Ears, chromium
from tests.people import People, ready

PATIENCE_MS = 120_000
# Whatever a script that got in would call first.
TRAPS = """
for (const name of ["alert", "confirm", "prompt", "print", "open"])
  window[name] = () => console.error("RAN " + name);
window.name = "";
"""
# What a reader's page says of its payload, each chip as the character it stands for.
READ = """element => [...element.children].map(line => {
  const walk = node => [...node.childNodes].map(one =>
    one.nodeType === Node.TEXT_NODE ? one.data
    : one.classList.contains("cs-uni")
      ? String.fromCodePoint(parseInt(one.dataset.char.slice(2), 16)) : walk(one)).join("");
  return walk(line);
}).join("\\n")"""


@dataclass
class Reader:
    """A person's browser: what it shows, what it asked for, and what it complained about."""

    page: Page
    url: str
    ears: Ears
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def open(self, address: str) -> Any:
        """Go there; the answer."""
        return self.page.goto(self.url + address, wait_until="load")

    def hold_still(self) -> None:
        """Without a stream the desk polls and shows its action afresh: not while it is measured."""
        self.page.evaluate(
            "document.querySelectorAll('[data-live]').forEach(one => delete one.dataset.live)"
        )

    def payload(self) -> tuple[str, str]:
        """Layout and text of the payload that the page shows."""
        shown = self.page.locator("[data-payload] [data-layout]").first
        return shown.get_attribute("data-layout") or "", shown.evaluate(READ)

    def harm(self) -> list[str]:
        """Dialogs, scripts that ran, requests to elsewhere, reports of the content policy."""
        # The stream is served by another process than this test's: the desk says so and polls.
        heard = [line for line in self.ears.take() if "404" not in line]
        strays = [one for one in self.asked if self._is_stray(one)]
        found = [*self.dialogs, *heard, *strays]
        self.asked.clear()
        self.dialogs.clear()
        return found

    def _is_stray(self, url: str) -> bool:
        return not url.startswith((self.url, "data:")) or "/evil" in url


@pytest.fixture(scope="session", autouse=True)
def _database_beside_a_browser() -> Iterator[None]:
    """Playwright keeps an event loop in this thread, which Django takes for ours."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def people(transactional_db: None) -> People:
    return ready()


@pytest.fixture
def reader(browser: Browser, live_server: Any, people: People) -> Iterator[Reader]:
    """A reviewer's browser."""
    yield from opened(browser, live_server.url, people.may)


@pytest.fixture
def admin(browser: Browser, live_server: Any, people: People) -> Iterator[Reader]:
    """An admin's browser."""
    people.admin.is_staff = True
    people.admin.save()
    yield from opened(browser, live_server.url, people.admin)


def opened(browser: Browser, url: str, user: User) -> Iterator[Reader]:
    """A signed-in browser, closed afterwards."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(TRAPS)
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    reader = Reader(page, url, Ears(context))
    page.on("dialog", lambda one: (reader.dialogs.append(one.message), one.dismiss()))
    context.on("request", lambda one: reader.asked.append(one.url))
    yield reader
    # Nothing may still be asking when the rows go.
    page.goto("about:blank")
    context.close()
