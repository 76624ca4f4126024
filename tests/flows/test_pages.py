"""Every page: no barrier, no complaint, no sideways scrolling, in both themes and three widths.

`make test` walks all pages at each width and asks axe about a few; `make test-long` about all.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.flows import pages
from tests.flows.browser import Ears, routes, sign_in
from tests.flows.demo import ADMIN, Demo

pytestmark = [pytest.mark.flow, pytest.mark.browser, pytest.mark.once]
# Where most of the work is done; between them every kind of control and table.
DIALOGS = (
    "approve", "reject", "edit", "cancel", "comment", "assign", "snooze", "keys", "palette",
)  # fmt: skip
REFUSALS = {"/demo/sandbox/nowhere/": 404, "/nowhere/": 404, "/elsewhere/sandbox/inbox/": 404}
SAMPLE = (
    "approvals:inbox", "approvals:detail", "approvals:edit", "approvals:edit_policy",
    "webhooks:debug", "runs:detail", "tenants:members", "account_login",
)  # fmt: skip


def walk(here: Demo, context: BrowserContext, *, signed_in: bool) -> Iterator[tuple[str, Page]]:
    """Every page in turn, opened."""
    if signed_in:
        page, addresses = sign_in(context, here, ADMIN), pages.signed_in_pages(here)
    else:
        page, addresses = context.new_page(), pages.signed_out_pages(here)
    for name, address in addresses.items():
        answer = page.goto(here.tree.url + address, wait_until="load")
        assert answer is not None
        assert answer.status == 200, name
        if pages.is_ours(address):
            yield name, page


def walk_explorer(here: Demo, context: BrowserContext) -> Iterator[tuple[str, Page]]:
    """Every list of Django's explorer, and the first row of each that has one."""
    page = sign_in(context, here, ADMIN)
    for name, address in pages.explorer_lists().items():
        answer = page.goto(here.tree.url + address, wait_until="load")
        assert answer is not None
        assert answer.status == 200, name
        row = pages.first_row(page)
        yield name, page
        if row:
            answer = page.goto(here.tree.url + row, wait_until="load")
            assert answer is not None
            assert answer.status == 200, row
            yield f"{name}, a row", page


def test_what_is_no_page_is_still_an_address(here: Demo) -> None:
    # A name that is gone from here would leave its successor unwalked without a word.
    known = set(routes(here.known))
    assert known >= pages.NO_PAGES | pages.FRAGMENTS


@pytest.mark.parametrize("signed_in", [True, False])
def test_no_page_scrolls_sideways_or_complains(
    here: Demo, context: BrowserContext, signed_in: bool
) -> None:
    ears = Ears(context)
    found = {}
    for name, page in walk(here, context, signed_in=signed_in):
        if wide := list(pages.too_wide(page)):
            found[name] = wide
    assert found == {}
    assert ears.take() == []


def test_the_pages_of_everyday_have_no_barrier(here: Demo, context: BrowserContext) -> None:
    page = sign_in(context, here, ADMIN)
    addresses = pages.signed_in_pages(here) | pages.signed_out_pages(here)
    found = {}
    for name in SAMPLE:
        if name in pages.SIGNED_OUT:
            context.clear_cookies()
        page.goto(here.tree.url + addresses[name], wait_until="load")
        found[name] = list(pages.barriers(page))
    assert found == dict.fromkeys(SAMPLE, [])


@pytest.mark.long
@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize("width", [1440, 320])
def test_no_page_has_a_barrier(
    here: Demo, context: BrowserContext, signed_in: bool, width: int
) -> None:
    found = {}
    for name, page in walk(here, context, signed_in=signed_in):
        page.set_viewport_size({"width": width, "height": pages.HEIGHT})
        if barriers := list(pages.barriers(page)):
            found[name] = barriers
        page.set_viewport_size({"width": 1440, "height": pages.HEIGHT})
    assert found == {}


@pytest.mark.long
@pytest.mark.parametrize("width", [1440, 390])
def test_no_dialog_and_no_refusal_has_a_barrier(
    here: Demo, context: BrowserContext, width: int
) -> None:
    ears, found = Ears(context), {}
    page = sign_in(context, here, ADMIN)
    page.set_viewport_size({"width": width, "height": pages.HEIGHT})
    action = f"{here.tree.url}/demo/sandbox/actions/{here.known['action']}/"
    for name in DIALOGS:
        page.goto(action, wait_until="load")
        page.locator(f"[data-opens={name}]").first.evaluate("one => one.click()")
        page.locator(f"dialog#{name}[open]").wait_for()
        found[name] = list(pages.barriers(page))
    assert ears.take() == []
    for address, status in REFUSALS.items():
        answer = page.goto(here.tree.url + address, wait_until="load")
        assert answer is not None
        assert answer.status == status
        found[address] = [*pages.barriers(page), *pages.too_wide(page)]
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_no_address_of_the_explorer_is_forgotten() -> None:
    assert pages.unknown_to_the_explorer() == set()


@pytest.mark.long
def test_no_page_of_the_explorer_has_a_barrier_scrolls_sideways_or_complains(
    here: Demo, context: BrowserContext
) -> None:
    ears, found = Ears(context), {}
    for name, page in walk_explorer(here, context):
        if faults := [*pages.barriers(page), *pages.too_wide(page)]:
            found[name] = faults
    assert found == {}
    assert ears.take() == []


def test_a_barrier_and_a_wide_table_would_be_found(here: Demo, context: BrowserContext) -> None:
    page = sign_in(context, here, ADMIN)
    page.goto(here.tree.url + pages.signed_in_pages(here)["tenants:members"], wait_until="load")
    assert list(pages.too_wide(page, widths=(320,))) == []
    page.evaluate("document.querySelector('main').innerHTML = '<img src=x><p class=wide>x</p>'")
    assert any("image-alt" in line for line in pages.barriers(page, themes=("light",)))
    page.evaluate("document.querySelector('.wide').style.minWidth = '5000px'")
    assert list(pages.too_wide(page, widths=(320,)))
