"""A shop to talk to, and attempts at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, Secret
from gateway.connectors.shopify.connector import ShopifyConnector
from tests.doubles.serving import serving
from tests.doubles.shopify import TOKEN, Shopify


@pytest.fixture
def shop() -> Iterator[Shopify]:
    with serving(Shopify()) as double:
        yield double


@pytest.fixture
def ask(shop: Shopify, attempt: Callable[..., ConnectorRequest]) -> Callable[..., ConnectorRequest]:
    """One attempt at the running double."""

    def make(operation: str, *, key: str = "act_1", token: str = TOKEN, **arguments: Any) -> Any:
        return attempt(
            "shopify", operation, {"base_url": shop.url}, arguments,
            allow=shop.host_port, secret=Secret("bearer", token), key=key,
        )  # fmt: skip

    return make


@pytest.fixture
def shopify() -> ShopifyConnector:
    return ShopifyConnector()
