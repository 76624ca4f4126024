"""The first run at a really started tree, whose workers and stream do their part."""

import pytest
from playwright.sync_api import Browser

from tests.flows.browser import CHROMIUM, TIMEOUT_MS, Ears
from tests.flows.journeys.desk import SIZES
from tests.flows.journeys.first_run import walk
from tests.flows.tree import started

pytestmark = [
    pytest.mark.flow,
    # A tree and a browser for each size: minutes on a busy machine.
    pytest.mark.long,
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="NO CHROMIUM ON THIS MACHINE"),
]


@pytest.mark.parametrize("size", SIZES)
def test_the_first_run_is_walked_to_a_connected_agent(browser: Browser, size: str) -> None:
    with started() as tree:
        context = browser.new_context(viewport=SIZES[size])
        ears = Ears(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        code = (tree.data_dir / "setup-code").read_text(encoding="utf-8")
        # The tree does the work; the page hears of it by its stream.
        walk(page, tree.url, code=code, work=lambda: None)
        assert ears.take() == []
        context.close()
