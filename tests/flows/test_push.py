"""A browser that is told: added on its member's page, shown a message by the real service worker.

What a browser maker's push service would do is done by the browser's own debugger: no such service
is reached from a test. The subscription it would give is the standard's example.
"""

import json
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.flows.browser import CHROMIUM, Ears, sign_in
from tests.flows.demo import REVIEWER, Demo

pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]
PREFERENCES = "/demo/sandbox/notices/preferences/"
SUBSCRIBED = """
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async (asked) => ({
  toJSON: () => ({
    endpoint: "https://push.example.com/v1/one",
    keys: {
      p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
      auth: asked.applicationServerKey.length === 65 ? "BTBZMqHH6r4Tts7J_aSIgg" : "",
    },
  }),
});
"""  # noqa: E501
SHOWN = """async () => {
  const worker = await navigator.serviceWorker.ready;
  const shown = await worker.getNotifications();
  return shown.map(({ title, body, tag, data }) => ({ title, body, tag, data }));
}"""


def preferences(context: BrowserContext, here: Demo) -> Page:
    page = sign_in(context, here, REVIEWER)
    page.goto(here.tree.url + PREFERENCES)
    return page


def delivered(context: BrowserContext, page: Page, said: dict[str, Any]) -> None:
    """Hand the worker a message, as the browser's push client does."""
    session = context.new_cdp_session(page)
    found: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(one["registrationId"] for one in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_function("async () => (await navigator.serviceWorker.ready).active !== null")
    while not found:
        page.wait_for_timeout(50)
    origin = page.evaluate("location.origin")
    session.send(
        "ServiceWorker.deliverPushMessage",
        {"origin": origin, "registrationId": found[-1], "data": json.dumps(said)},
    )


def test_a_browser_is_added_and_shows_what_it_is_told(
    here: Demo, context: BrowserContext, ears: Ears
) -> None:
    context.grant_permissions(["notifications"], origin=here.tree.url)
    context.add_init_script(SUBSCRIBED)
    page = preferences(context, here)
    page.get_by_role("button", name="Tell me in this browser").click()
    expect(page.get_by_text("This browser is added")).to_be_visible()
    expect(page.get_by_role("cell", name="push.example.com")).to_be_visible()
    delivered(
        context, page, {"title": "High risk: refund", "body": "Demo", "tag": "t", "path": "/"}
    )
    page.wait_for_function(f"async () => (await ({SHOWN})()).length === 1")
    assert page.evaluate(SHOWN) == [
        {"title": "High risk: refund", "body": "Demo", "tag": "t", "data": {"path": "/"}}
    ]
    assert ears.take() == []


def test_a_browser_that_may_not_says_so_and_adds_nothing(
    here: Demo, context: BrowserContext
) -> None:
    page = preferences(context, here)
    page.get_by_role("button", name="Tell me in this browser").click()
    expect(page.get_by_role("alert")).to_contain_text("the browser did not allow it")
