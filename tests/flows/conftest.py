"""The running demo and a browser at it, for whoever asks; neither is started for who does not."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.flows.browser import Ears, chromium
from tests.flows.demo import Demo, demo

WINDOW = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def here() -> Iterator[Demo]:
    """A tree with the demo, which the tests of a file share."""
    with demo() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, which a file starts once; whoever has been signed in is known to a context."""
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A desktop's window that knows nobody yet.

    Without motion a theme is there at once, and axe sees no colour on its way to another.
    """
    opened = browser.new_context(viewport=WINDOW, reduced_motion="reduce")  # type: ignore[arg-type]
    yield opened
    opened.close()


@pytest.fixture
def ears(context: BrowserContext) -> Ears:
    """What the window's pages complain about."""
    return Ears(context)
