"""One person's desk in a real browser: what it shows, where its focus is, what was said."""

import re
from copy import copy
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from approvals.models import Action
from gateway.tenants.models import User
from tests.flows.browser import TIMEOUT_MS, Ears

SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1440, "height": 900},
    "phone": {"width": 390, "height": 844},
}
# Whoever says that no pointer was used must be able to be wrong.
POINTERS = 'addEventListener("pointerdown", () => console.error("A POINTER CAME"), true);'
# Browser and htmx write a line for each answer that is no success; pages tell it to people.
ANSWERS = re.compile(
    r"Failed to load resource|Response Status Error Code|htmx:(send(Error|Abort)|afterRequest)"
)
FOCUS = """() => {
  const one = document.activeElement;
  return one === document.body ? "" : one.id || one.name || one.textContent.trim();
}"""
DIGEST = re.compile(r"^[0-9a-f]{64}$")


class Desk:
    """A signed-in browser at the desk of one environment."""

    def __init__(self, browser: Browser, url: str, person: User, *, size: str) -> None:
        self.url, self.person, self.size = url, person, size
        self.context = browser.new_context(viewport=SIZES[size], has_touch=size == "phone")
        self.context.set_default_timeout(TIMEOUT_MS)
        self.ears = Ears(self.context)
        self.sign_in()
        self.page: Page = self.context.new_page()

    @property
    def has_pane(self) -> bool:
        """Whether an action opens beside the list; on a phone it has a page of its own."""
        return self.size == "desktop"

    def sign_in(self) -> None:
        """Give the browser a session, without the pages for it."""
        client = Client()
        client.force_login(self.person)
        name = settings.SESSION_COOKIE_NAME
        value = client.cookies[name].value
        self.context.add_cookies([{"name": name, "value": value, "url": self.url}])

    def sign_out(self) -> None:
        """The session is over, as after its time; the page does not know."""
        self.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)

    def refuse_pointers(self) -> None:
        """From the next page on a click or a tap is a complaint."""
        self.context.add_init_script(POINTERS)

    def complaints(self) -> list[str]:
        """Errors of scripts, reports of the content policy, pointers where none may come."""
        return [line for line in self.ears.take() if not ANSWERS.search(line)]

    def close(self) -> None:
        """Leave; nothing may still be asking when the rows go."""
        self.page.goto("about:blank")
        self.context.close()

    def open(self, path: str) -> Any:
        """Go to an address of the environment, such as `inbox/`; the answer."""
        return self.page.goto(f"{self.url}/{self._place}/{path}", wait_until="load")

    @property
    def _place(self) -> str:
        role = self.person.memberships.get().roles.select_related("environment__tenant").first()
        assert role is not None
        return f"{role.environment.tenant.slug}/{role.environment.slug}"

    def open_action(self, action: Action) -> Any:
        """Go to an action's own page; the answer."""
        return self.open(f"actions/{action.public_id}/")

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        """Type into what has the focus."""
        self.page.keyboard.insert_text(text)

    @property
    def focus(self) -> str:
        """Id, name or text of what has the focus; empty where nothing has it."""
        return str(self.page.evaluate(FOCUS))

    @property
    def card(self) -> Locator:
        """The action that is shown."""
        return self.page.locator("#action")

    @property
    def shown(self) -> str:
        """The id of the action that is shown."""
        return self.card.get_attribute("data-action") or ""

    @property
    def digest(self) -> str:
        """The digest that the page shows in full."""
        text = (self.page.locator("#p-audit .cs-code").first.text_content() or "").strip()
        assert DIGEST.match(text), text
        return text

    def expect_said(self, text: str) -> None:
        """The status line says this."""
        expect(self.page.locator("#said")).to_contain_text(text)

    def dialog(self, name: str) -> Locator:
        """The dialog of this name once it is open."""
        found = self.page.locator(f"dialog#{name}[open]")
        expect(found).to_be_visible()
        return found

    def button(self, name: str, *, within: Locator | None = None) -> Locator:
        """The button of exactly this name."""
        return (within or self.page.locator("main")).get_by_role("button", name=name, exact=True)

    def approve(self) -> None:
        """By hand: the bar, then the question."""
        self.card.get_by_role("link", name="Approve").click()
        self.button("Approve", within=self.dialog("approve")).click()

    def reject(self, reason: str) -> None:
        """By hand, for one of the usual reasons."""
        self.card.get_by_role("link", name="Reject").click()
        dialog = self.dialog("reject")
        dialog.get_by_label(reason).check()
        self.button("Reject", within=dialog).click()

    def edit(self, before: str, after: str) -> None:
        """By hand: a text of the arguments becomes another one."""
        self.card.get_by_role("link", name="Edit").click()
        dialog = self.dialog("edit")
        field = dialog.locator("textarea[name=arguments]")
        field.fill(field.input_value().replace(before, after))
        self.button("Show the new version", within=dialog).click()

    def another_tab(self) -> "Desk":
        """A second page of the same browser."""
        other = copy(self)
        other.page = self.context.new_page()
        return other
