"""The desk in a real browser: what arrives, what a person decides, and no page that complains."""

import re
import sys

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.flows.browser import CHROMIUM, Ears, sign_in
from tests.flows.demo import ADMIN, AUDITOR, REVIEWER, Demo
from tests.flows.tree import until

if not CHROMIUM.exists():
    print(f"\nNO {CHROMIUM}: THE BROWSER'S TESTS ARE SKIPPED", file=sys.stderr)  # noqa: T201
pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
INBOX = "/demo/sandbox/inbox/"


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


def test_what_arrives_while_the_list_is_on_its_way_is_shown(
    here: Demo, context: BrowserContext
) -> None:
    page = sign_in(context, here, REVIEWER)
    page.goto(f"{here.tree.url}{INBOX}?q=77.31")
    expect(page.locator(".cs-live")).to_have_attribute("data-state", "live")
    page.evaluate(
        "document.addEventListener('cs:news', ({detail}) => { window.lastNews = detail.id })"
    )
    first = here.ask_refund(amount="77.31")
    expect(page.locator(f"#row-{first['id']}")).to_be_visible()
    second: list[str] = []

    def meanwhile(route: Route) -> None:
        answer = route.fetch()
        if not second:
            second.append(here.ask_refund(amount="77.31")["id"])
            page.wait_for_function("id => window.lastNews === id", arg=second[0])
        route.fulfill(response=answer)

    page.route(re.compile(r"part=rows"), meanwhile)
    with page.expect_response(lambda answer: "part=rows" in answer.url and bool(second)):
        approve_in_the_pane(page, first["id"])
    expect(page.locator(f"#row-{second[0]}")).to_be_visible()


def test_who_reviews_an_action_is_seen_by_others_until_they_leave(
    here: Demo, browser: Browser, context: BrowserContext, ears: Ears
) -> None:
    action = here.ask_refund()["id"]
    other = browser.new_context(viewport={"width": 1440, "height": 900})
    others_ears = Ears(other)
    rui, ana = sign_in(context, here, REVIEWER), sign_in(other, here, ADMIN)
    for page in (rui, ana):
        page.goto(here.tree.url + INBOX)
        expect(page.locator(".cs-live")).to_have_attribute("data-state", "live")
    place = f"[data-there={action}]"
    ana.locator(f"#row-{action}").click()
    expect(rui.locator(f".cs-row {place}")).to_contain_text("is reviewing")
    expect(ana.locator(f"#pane {place}")).to_be_hidden()

    rui.locator(f"#row-{action}").click()
    expect(rui.locator(f"#pane {place}")).to_contain_text("is reviewing")
    expect(ana.locator(f"#pane {place}")).to_contain_text("is reviewing")

    ana.goto("about:blank")
    expect(rui.locator(f"#pane {place}")).to_be_hidden()
    expect(rui.locator(f".cs-row {place}")).to_be_hidden()
    other.close()
    assert ears.take() + others_ears.take() == []


def test_a_violation_would_be_heard(here: Demo, context: BrowserContext, ears: Ears) -> None:
    page = context.new_page()
    page.goto(here.tree.url + "/accounts/login/")
    page.evaluate(
        "document.head.append(Object.assign(document.createElement('script'), {text: 1}))"
    )
    page.wait_for_function("performance.now() > 0")
    assert any("CSP script-src" in line for line in ears.take())


def test_the_page_of_the_api_does_not_complain(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    page = sign_in(context, here, ADMIN)
    page.goto(here.tree.url + "/api/docs")
    expect(page.locator(".swagger-ui .info")).to_be_visible()
    assert ears.take() == []


def test_an_auditor_finds_the_story_of_one_correlation_id(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    action = here.place.get(f"/actions/{here.known['action']}")
    page = sign_in(context, here, AUDITOR)
    page.goto(f"{here.tree.url}/admin/audit/auditrecord/?q={action['correlation_id']}")
    expect(page.locator("#result_list")).to_contain_text("approvals.action.proposed")
    assert ears.take() == []
