"""A GitHub to talk to, and attempts at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, Secret
from gateway.connectors.github.connector import GithubConnector
from tests.doubles.github import TOKEN, Github
from tests.doubles.serving import serving

PLACE = {"owner": "acme", "repo": "shop"}


@pytest.fixture
def hub() -> Iterator[Github]:
    with serving(Github()) as double:
        yield double


@pytest.fixture
def ask(hub: Github, attempt: Callable[..., ConnectorRequest]) -> Callable[..., ConnectorRequest]:
    """One attempt at the running double; without arguments of its own at acme/shop."""

    def make(operation: str, *, key: str = "act_1", token: str = TOKEN, **arguments: Any) -> Any:
        return attempt(
            "github", operation, {"base_url": hub.url}, PLACE | arguments,
            allow=hub.host_port, secret=Secret("bearer", token), key=key,
        )  # fmt: skip

    return make


@pytest.fixture
def github() -> GithubConnector:
    return GithubConnector()
