"""The desk in a real browser: what arrives, what a person decides, and no page that complains."""

import sys
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.flows.browser import CHROMIUM, Ears, chromium, routes, sign_in
from tests.flows.demo import ADMIN, AUDITOR, REVIEWER, Demo, demo
from tests.flows.tree import until

if not CHROMIUM.exists():
    print(f"\nNO {CHROMIUM}: THE BROWSER'S TESTS ARE SKIPPED", file=sys.stderr)  # noqa: T201
pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
INBOX = "/demo/sandbox/inbox/"
MAIN_PAGES = (
    "approvals:inbox", "approvals:detail", "approvals:approve", "approvals:list", "runs:list",
    "runs:detail", "webhooks:events", "webhooks:event", "webhooks:source",
    "webhooks:refusals", "webhooks:debug", "webhooks:new",
    "webhooks:edit", "webhooks:setup", "webhooks:secrets", "webhooks:routes", "webhooks:test",
    "agents:detail", "connections:list", "connections:detail", "connections:new",
    "connections:edit",
    "tools:detail", "tools:import", "approvals:policies", "approvals:policy",
    "approvals:edit_policy", "approvals:simulate", "approvals:shadow", "approvals:edit",
    "approvals:comment", "approvals:assign", "approvals:snooze", "approvals:grants",
    "approvals:revoke_grant", "approvals:kill_switch", "approvals:break_glass",
    "approvals:emergencies", "approvals:review_break_glass", "approvals:delegations",
    "approvals:reviewers", "budgets:list", "budgets:detail", "agents:edit", "tenants:environment",
    "tenants:members", "account_change_password", "mfa_index", "account_sessions",
    "account_preferences",
)  # fmt: skip
SERIOUS = {"serious", "critical"}
# Pages that only take a form, or whoever comes back from a service; and files.
NO_PAGES = {
    "tenants:add_group", "tenants:revoke", "connections:callback", "audit:bundle", "audit:proof",
    "audit:verification", "audit:send_outlet", "runs:rate", "approvals:view", "approvals:save_view",
    "approvals:remove_view",
    "notices:code", "notices:unlink",
    "account_end_session", "mfa_deactivate_totp",
    "mfa_edit_webauthn", "mfa_remove_webauthn", "mfa_view_recovery_codes",
    "openid_connect_login", "openid_connect_callback",
}  # fmt: skip
SIGNED_OUT = {
    "account_login", "account_reset_password", "account_reset_password_done", "account_inactive",
    "account_signup", "account_reset_password_from_key", "account_reset_password_from_key_done",
    "invitation",
}  # fmt: skip


@pytest.fixture(scope="module")
def here() -> Iterator[Demo]:
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1440, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def ears(context: BrowserContext) -> Ears:
    return Ears(context)


def approve_in_the_pane(page: Page, action: str) -> None:
    """Open the row, press Approve, confirm; the row was brought by the stream or by the page."""
    page.locator(f"#row-{action}").click()
    pane = page.locator(f"#pane [data-action={action}]")
    expect(pane).to_be_visible()
    pane.get_by_role("link", name="Approve").click()
    page.locator("dialog#approve[open]").get_by_role("button", name="Approve").click()


def test_an_action_arrives_by_itself_is_approved_and_succeeds(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    page = sign_in(context, here, REVIEWER)
    page.goto(here.tree.url + INBOX)
    expect(page.locator(".cs-live")).to_have_attribute("data-state", "live")
    page.evaluate("window.neverReloaded = true")

    action = here.ask_refund()
    expect(page.locator(f"#row-{action['id']}")).to_be_visible()
    before = [line for line in here.ledger() if line["kind"] == "refund"]
    approve_in_the_pane(page, action["id"])
    expect(page.locator(f"#pane [data-action={action['id']}]")).to_contain_text("Succeeded")

    after = [line for line in here.ledger() if line["kind"] == "refund"]
    assert [line["idempotency_key"] for line in after[len(before) :]] == [action["id"]]
    assert page.evaluate("window.neverReloaded") is True
    assert ears.take() == []


def test_the_demos_run_is_led_to_its_end(here: Demo, context: BrowserContext, ears: Ears) -> None:
    run = here.known["run"]
    page = sign_in(context, here, REVIEWER)
    page.goto(here.tree.url + INBOX)
    for tool in ("create_support_ticket", "send_email", "refund"):
        (waiting,) = until(
            lambda tool=tool: here.place.items("actions", status="pending", run=run, tool=tool),
            f"{tool} waits",
        )
        approve_in_the_pane(page, waiting["id"])
        assert here.place.settled(waiting["id"])["status"] == "succeeded"
    ended = until(
        lambda: found if (found := here.place.get(f"/runs/{run}"))["is_final"] else None, "it ends"
    )
    assert ended["status"] == "completed"
    assert ended["output"]["not_done"] == []
    page.goto(f"{here.tree.url}/demo/sandbox/runs/{run}/")
    expect(page.locator("main")).to_contain_text("Completed")
    assert ears.take() == []


def test_a_violation_would_be_heard(here: Demo, context: BrowserContext, ears: Ears) -> None:
    page = context.new_page()
    page.goto(here.tree.url + "/accounts/login/")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {text: 1}))"
    )
    page.wait_for_function("performance.now() > 0")
    assert any("CSP script-src" in line for line in ears.take())


def test_no_page_complains(here: Demo, context: BrowserContext, ears: Ears) -> None:
    page = sign_in(context, here, ADMIN)
    addresses = {**routes(here.known), **here.other_pages}
    refused = {}
    for name, address in addresses.items():
        if name in NO_PAGES:
            continue
        answer = page.goto(here.tree.url + address, wait_until="load")
        if answer is not None and answer.status != 200:
            refused[name] = answer.status
    page.goto(here.tree.url + "/api/docs")
    expect(page.locator(".swagger-ui .info")).to_be_visible()
    assert refused == {}
    assert ears.take() == []


def test_no_page_complains_before_signing_in(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    page = context.new_page()
    for name, address in routes(here.known).items():
        if name in SIGNED_OUT:
            answer = page.goto(here.tree.url + address, wait_until="load")
            assert answer is not None
            assert answer.status == 200, name
    assert ears.take() == []


def test_an_auditor_finds_the_story_of_one_correlation_id(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    action = here.place.get(f"/actions/{here.known['action']}")
    page = sign_in(context, here, AUDITOR)
    page.goto(f"{here.tree.url}/admin/audit/auditrecord/?q={action['correlation_id']}")
    expect(page.locator("#result_list")).to_contain_text("approvals.action.proposed")
    assert ears.take() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_main_pages_have_no_serious_barrier(here: Demo, browser: Browser, theme: str) -> None:
    context = browser.new_context(color_scheme=theme)  # type: ignore[arg-type]
    page = sign_in(context, here, ADMIN)
    barriers = []
    addresses = routes(here.known)
    for name in MAIN_PAGES:
        page.goto(here.tree.url + addresses[name], wait_until="load")
        found = Axe().run(page).response["violations"]
        barriers += [
            f"{name}: {one['id']} {node['target']}"
            for one in found
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
    context.close()
    assert barriers == []
