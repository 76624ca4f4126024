"""Requests for connectors, with a guarded client that may reach one loopback server."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.connectors.base import ConnectorRequest, Secret
from gateway.connectors.registry import connector
from gateway.http.client import Client, client


@pytest.fixture
def attempt() -> Callable[..., ConnectorRequest]:
    """Makes one attempt's request, rendered by the connector itself."""

    def make(
        kind: str,
        operation: str,
        config: dict[str, Any],
        arguments: dict[str, Any],
        *,
        allow: str,
        secret: Secret | None = None,
        key: str = "act_1",
        side_effect: str = "",
    ) -> ConnectorRequest:
        door: Client = client(allow=[allow])
        return ConnectorRequest(
            client=door,
            secret=secret,
            config=config,
            operation=operation,
            arguments=arguments,
            rendered=connector(kind).render(config, operation, arguments),
            idempotency_key=key,
            deadline_s=10,
            correlation_id="cor_1",
            side_effect=side_effect,
        )

    return make
