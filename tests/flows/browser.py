"""Debian's chromium, signed in at a running tree, with ears for everything that must not happen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.flows.demo import Demo

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIGN_IN = "/accounts/login/"
# Written to the console, because what a page remembers is gone with it.
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event => console.error(
  "CSP " + event.violatedDirective + " " + event.blockedURI + " " + event.sourceFile + ":" +
  event.lineNumber + " " + event.sample));
"""
PART = re.compile(r"<(?:\w+:)?(\w+)>")
TIMEOUT_MS = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of this machine; its pages have as long as on a busy one for what is expected."""
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


# What htmx says of a request whose place a newer one took; of one that failed it says more.
REPLACED = ("htmx:sendAbort", "htmx:afterRequest")


class Ears:
    """Whatever a context's pages complained about."""

    def __init__(self, context: BrowserContext) -> None:
        self.heard: list[str] = []
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.heard.append(f"error: {error.error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(REPLACED):
            where = message.page.url if message.page else ""
            self.heard.append(f"{where}: {message.text}")

    def take(self) -> list[str]:
        """What was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard


def sign_in(context: BrowserContext, here: Demo, email: str) -> Page:
    """A page of one of the demo's people, on the first page that the desk shows."""
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(here.tree.url + SIGN_IN)
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", here.kept()["passwords"][email])
    page.click("main button[type=submit], form button[type=submit]")
    page.wait_for_url(lambda url: SIGN_IN not in url)
    return page


def routes(known: dict[str, str]) -> dict[str, str]:
    """Every HTML address, by its name; `known` fills in what its parts are called.

    Raises KeyError for a part that nobody gave a value, so that a new kind of page is not missed.
    """
    return dict(_walk(get_resolver().url_patterns, "", "", known))


def _walk(
    patterns: list[Any], prefix: str, space: str, known: dict[str, str]
) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name == "admin" or str(pattern.pattern) == "api/":
                continue
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from _walk(
                pattern.url_patterns, prefix + _filled(pattern.pattern, known), inner, known
            )
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield space + pattern.name, "/" + prefix + _filled(pattern.pattern, known)


def _filled(pattern: Any, known: dict[str, str]) -> str:
    """The pattern with its parts replaced; a regular expression by the value for its first part."""
    text = str(pattern)
    if not hasattr(pattern, "_route"):
        return known[text]
    return PART.sub(lambda part: known[part[1]], text)
