"""A browser at a server of this process: pages, services and jobs, without the time of a tree."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from gateway.tenants.models import User
from tests.flows.browser import chromium
from tests.flows.journeys.desk import Desk
from tests.flows.journeys.shop import Shop, shop

OpenDesk = Callable[..., Desk]


@pytest.fixture(scope="package")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Playwright runs a loop in this thread; what a test asks of the database is no part of it."""
    with pytest.MonkeyPatch.context() as patch, chromium() as running:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield running


@pytest.fixture(params=["desktop", pytest.param("phone", marks=pytest.mark.long)])
def size(request: pytest.FixtureRequest) -> str:
    """Desktop; phone as well where there is time, and where a test says that it matters most."""
    return str(request.param)


@pytest.fixture
def here(transactional_db: None) -> Shop:
    return shop()


@pytest.fixture
def open_desk(browser: Browser, live_server: Any, settings: Any, size: str) -> Iterator[OpenDesk]:
    """`open_desk(person)` is a browser of their own, signed in, which must not complain."""
    settings.PUBLIC_URL = live_server.url
    opened: list[Desk] = []

    def one(person: User) -> Desk:
        opened.append(Desk(browser, live_server.url, person, size=size))
        return opened[-1]

    yield one
    complaints = [line for desk in opened for line in desk.complaints()]
    for desk in opened:
        desk.close()
    assert complaints == []
