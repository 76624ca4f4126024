"""A signed source, and senders for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
import pytest_django

from tests.factories.webhooks import SecretFactory, SourceFactory
from tests.webhooks.ingest.serving import Sender, Server, started
from webhooks.models import Source
from webhooks.schemes.secrets import new_secret


@pytest.fixture
def make_source(transactional_db: None) -> Callable[..., tuple[Source, str]]:
    """Makes a source with one secret: `source, secret = make_source("github")`."""

    def make(scheme: str = "standard", **fields: Any) -> tuple[Source, str]:
        source = SourceFactory(scheme=scheme, **fields)
        secret = new_secret(source.rules)
        SecretFactory(source=source, value=secret)
        return source, secret

    return make


@pytest.fixture(scope="session")
def servers(
    django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[Callable[[str], Server]]:
    """Really started servers on the test database: each kind once for all tests."""
    with ExitStack() as stack:

        @cache
        def of(kind: str) -> Server:
            with django_db_blocker.unblock():
                return stack.enter_context(started(kind))

        yield of


@pytest.fixture(params=["uvicorn", "daphne"])
def server(
    request: pytest.FixtureRequest, servers: Callable[[str], Server], transactional_db: None
) -> Server:
    """A server of either kind that is supported."""
    return servers(request.param)


@pytest.fixture
def uvicorn(servers: Callable[[str], Server], transactional_db: None) -> Server:
    """The one that intake processes use."""
    return servers("uvicorn")


@pytest.fixture
def sender(server: Server, make_source: Callable[..., tuple[Source, str]]) -> Iterator[Sender]:
    """The provider of a fresh source, sending to the server."""
    source, secret = make_source()
    with server.client() as client:
        yield Sender(source, secret, client)


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits for something that another process does, at most ten seconds."""

    def wait(happened: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 10
        while not happened():
            assert time.monotonic() < give_up, "it did not happen in ten seconds"
            time.sleep(0.02)

    return wait
