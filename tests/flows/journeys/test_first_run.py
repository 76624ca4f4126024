"""The first run, walked at a server of this process; tests/flows/test_welcome.py has a tree."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from gateway.board import setup_code
from tests.flows.browser import TIMEOUT_MS, Ears
from tests.flows.journeys.desk import ANSWERS, SIZES
from tests.flows.journeys.first_run import walk

pytestmark = [
    pytest.mark.flow, pytest.mark.browser, pytest.mark.once, pytest.mark.django_db(transaction=True)
]  # fmt: skip


@pytest.fixture
def code(transactional_db: None) -> Iterator[str]:
    yield setup_code.make()
    setup_code.forget()


@pytest.mark.long
def test_the_first_run_leads_to_a_connected_agent(
    browser: Browser, live_server: Any, settings: Any, settle: Any, code: str, size: str
) -> None:
    settings.PUBLIC_URL = live_server.url
    context = browser.new_context(viewport=SIZES[size])
    ears = Ears(context)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT_MS)
    walk(page, live_server.url, code=code, work=settle)
    page.goto("about:blank")
    assert [line for line in ears.take() if not ANSWERS.search(line)] == []
    context.close()
