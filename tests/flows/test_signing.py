"""A critical action in a real browser: two people, each signing it with a passkey of their own.

Pages, services and jobs of one process, because nothing here depends on several: it takes seconds.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from approvals.models import Action, Approval
from approvals.services import save_policy
from approvals.states import ActionStatus
from gateway.lib.assertions import Assertion, BadAssertion, check
from gateway.tenants.models import User
from tests.factories.tenants import PASSWORD
from tests.flows.browser import CHROMIUM, REPORT_VIOLATIONS, chromium
from tests.invariants.scene import Scene, fakes, scene

if not CHROMIUM.exists():
    print(f"\nNO {CHROMIUM}: THE BROWSER'S TESTS ARE SKIPPED", file=sys.stderr)  # noqa: T201
pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
SECURITY = "/accounts/security/"
RULES = [
    {
        "name": "two sign", "when": 'tool.name == "note"', "verdict": "require_approval",
        "quorum": 2, "step_up": True,
    }
]  # fmt: skip
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
    "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
TIMEOUT_MS = 60_000
GIVE_UP = """
void (navigator.credentials.create = () => Promise.reject(new DOMException("", "NotAllowedError")))
"""


@pytest.fixture(scope="module")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Playwright runs a loop in this thread; what a test asks of the database is no part of it."""
    with pytest.MonkeyPatch.context() as patch, chromium() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture
def url(browser: Browser, live_server: Any, settings: Any) -> str:
    """Where the desk answers, which is also the address that passkeys are made for."""
    settings.PUBLIC_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def here() -> Scene:
    made = scene(risk="critical")
    save_policy(made.environment, name="rules", rules=RULES, comment="Two sign.")
    return made


class Desk:
    """A person's browser, signed in, whose authenticator is Chromium's virtual one."""

    def __init__(self, browser: Browser, url: str, person: User, *, size: str) -> None:
        context = browser.new_context(viewport=SIZES[size])  # type: ignore[arg-type]
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        self.url, self.person = url, person
        self.page: Page = context.new_page()
        self.heard: list[str] = []
        self.page.on("console", lambda line: self.heard.append(line.text))
        self.page.on("pageerror", lambda error: self.heard.append(f"error: {error}"))
        session = context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self.open("/accounts/login/")
        self.page.fill("input[name=login]", person.email)
        self.page.fill("input[name=password]", PASSWORD)
        self.press("Sign in")
        self.page.wait_for_url(lambda where: "/accounts/login/" not in where)

    def open(self, path: str) -> None:
        """Go there."""
        self.page.goto(self.url + path)

    def press(self, name: str) -> None:
        """Press the button of exactly this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def enrol(self) -> None:
        """Add a passkey by the desk's own pages."""
        self.open(f"{SECURITY}passkeys/add/")
        self.page.fill("input[name=password]", PASSWORD)
        self.press("Confirm")
        self.press("Add the passkey")
        expect(self.page.get_by_role("heading", name="Recovery codes")).to_be_visible(
            timeout=TIMEOUT_MS
        )

    def sign(self, action: Action) -> None:
        """Open the card, press Approve, sign in the dialog."""
        place = action.environment
        self.open(f"/{place.tenant.slug}/{place.slug}/actions/{action.public_id}/")
        self.page.get_by_role("link", name="Approve").first.click()
        self.press("Sign and approve")
        expect(self.page.locator("dialog[open]")).to_have_count(0, timeout=TIMEOUT_MS)

    @property
    def complaints(self) -> list[str]:
        """What the browser complained about."""
        return [line for line in self.heard if line.startswith(("CSP", "error:"))]


@pytest.mark.parametrize("size", SIZES)
def test_two_people_sign_a_critical_action_and_what_they_signed_verifies(
    here: Scene, url: str, browser: Browser, settle: Any, size: str
) -> None:
    action = here.ask()
    people = (here.people.may, here.people.second)
    desks = [Desk(browser, url, person, size=size) for person in people]
    with fakes() as (connector, _):
        for desk in desks:
            desk.enrol()
            desk.sign(action)
            settle()
        assert len(connector.calls) == 1
    action.refresh_from_db()
    assert (action.risk, action.status) == ("critical", ActionStatus.SUCCEEDED)
    votes = list(Approval.objects.filter(action=action))
    assert {vote.user for vote in votes} == set(people)
    for vote in votes:
        signed = Assertion.from_dict(vote.assertion)
        assert check(signed, digest=action.digest) >= 1
        with pytest.raises(BadAssertion):
            check(signed, digest="0" * 64)
    assert [line for desk in desks for line in desk.complaints] == []


def test_a_passkey_signs_in_by_itself_on_a_phone(here: Scene, url: str, browser: Browser) -> None:
    desk = Desk(browser, url, here.people.may, size="phone")
    desk.enrol()
    desk.page.context.clear_cookies()
    desk.open("/accounts/login/")
    desk.press("Sign in with a passkey")
    desk.page.wait_for_url(lambda where: "/inbox/" in where)
    assert desk.complaints == []


def test_giving_up_says_so_and_sends_nothing(here: Scene, url: str, browser: Browser) -> None:
    desk = Desk(browser, url, here.people.may, size="desktop")
    desk.open(f"{SECURITY}passkeys/add/")
    desk.page.fill("input[name=password]", PASSWORD)
    desk.press("Confirm")
    desk.page.evaluate(GIVE_UP)
    desk.press("Add the passkey")
    expect(desk.page.locator("[data-passkey-error]")).to_contain_text("Nothing was sent")
    assert desk.page.url.endswith("/passkeys/add/")
