"""Which connector performs which operations: one line for each."""

from collections.abc import Mapping
from typing import Any

from gateway.connectors.base import Connector, Unknown
from gateway.connectors.discord.connector import DiscordConnector
from gateway.connectors.fake import FakeConnector
from gateway.connectors.github.connector import GithubConnector
from gateway.connectors.http import HttpConnector
from gateway.connectors.sandbox import SandboxConnector
from gateway.connectors.slack.connector import SlackConnector
from gateway.connectors.stripe.connector import StripeConnector

__all__ = ["CONNECTORS", "KNOWN", "Unknown", "connector", "limits"]

_CONNECTORS: dict[str, Connector] = {
    connector.name: connector
    for connector in (
        HttpConnector(),
        GithubConnector(),
        SlackConnector(),
        DiscordConnector(),
        StripeConnector(),
        SandboxConnector(),
        FakeConnector(),
    )
}
# What an administrator may choose; the fake one is for tests.
KNOWN = frozenset(_CONNECTORS)
CONNECTORS = tuple(name for name in _CONNECTORS if name != FakeConnector.name)


def connector(name: str) -> Connector:
    """The connector of this name; raises Unknown."""
    try:
        return _CONNECTORS[name]
    except KeyError:
        raise Unknown(f"There is no connector called {name[:60]!r}.") from None


def limits(name: str) -> Mapping[str, Any]:
    """What the connector's service allows one credential (`base.Limited`); empty where it is not
    known. Raises Unknown.
    """
    found: Mapping[str, Any] = getattr(connector(name), "limits", {})
    return found
