"""A Stripe to talk to, and attempts at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, Secret
from gateway.connectors.stripe.connector import StripeConnector
from tests.doubles.serving import serving
from tests.doubles.stripe import SECRET, Stripe


@pytest.fixture
def bank() -> Iterator[Stripe]:
    with serving(Stripe()) as double:
        yield double


@pytest.fixture
def ask(bank: Stripe, attempt: Callable[..., ConnectorRequest]) -> Callable[..., ConnectorRequest]:
    """One attempt at the running double."""

    def make(operation: str, *, key: str = "act_1", secret: str = SECRET, **arguments: Any) -> Any:
        return attempt(
            "stripe", operation, {"base_url": bank.url}, arguments,
            allow=bank.host_port, secret=Secret("bearer", secret), key=key,
        )  # fmt: skip

    return make


@pytest.fixture
def stripe_connector() -> StripeConnector:
    return StripeConnector()
