"""Which connector performs which operations: one line for each, and those of the deployment."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from gateway.connectors.base import Connector, Unknown
from gateway.connectors.discord.connector import DiscordConnector
from gateway.connectors.email.connector import EmailConnector
from gateway.connectors.fake import FakeConnector
from gateway.connectors.files.connector import FilesConnector
from gateway.connectors.github.connector import GithubConnector
from gateway.connectors.http import HttpConnector
from gateway.connectors.mcp.connector import McpConnector
from gateway.connectors.postgresql import PostgresqlConnector
from gateway.connectors.sandbox import SandboxConnector
from gateway.connectors.shopify.connector import ShopifyConnector
from gateway.connectors.slack.connector import SlackConnector
from gateway.connectors.sqlite import SqliteConnector
from gateway.connectors.stripe.connector import StripeConnector

__all__ = ["Unknown", "connector", "known", "limits", "offered"]

SETTING = "COUNTERSIGN_CONNECTORS"
BUILT_IN: dict[str, Connector] = {
    connector.name: connector
    for connector in (
        HttpConnector(),
        GithubConnector(),
        SlackConnector(),
        DiscordConnector(),
        ShopifyConnector(),
        EmailConnector(),
        McpConnector(),
        FilesConnector(),
        StripeConnector(),
        PostgresqlConnector(),
        SqliteConnector(),
        SandboxConnector(),
        FakeConnector(),
    )
}


def connector(name: str) -> Connector:
    """The connector of this name; raises Unknown."""
    try:
        return _all()[name]
    except KeyError:
        raise Unknown(f"There is no connector called {name[:60]!r}.") from None


def limits(name: str) -> Mapping[str, Any]:
    """What the connector's service allows one credential (`base.Limited`); empty where it is not
    known. Raises Unknown.
    """
    found: Mapping[str, Any] = getattr(connector(name), "limits", {})
    return found


def known() -> frozenset[str]:
    """The names of all of them."""
    return frozenset(_all())


def offered() -> tuple[str, ...]:
    """What an administrator may choose; the fake one is for tests."""
    return tuple(name for name in _all() if name != FakeConnector.name)


def _all() -> dict[str, Connector]:
    return BUILT_IN | _own(tuple(settings.CONNECTORS))


@cache
def _own(classes: tuple[str, ...]) -> dict[str, Connector]:
    """The deployment's own connectors; raises ImproperlyConfigured for one that cannot be used."""
    found: dict[str, Connector] = {}
    for path in classes:
        try:
            made: Connector = import_string(path)()
        except (ImportError, TypeError) as error:
            raise ImproperlyConfigured(f"{SETTING} names {path}: {error}") from error
        if made.name in BUILT_IN or made.name in found:
            raise ImproperlyConfigured(f"{SETTING}: there is a connector {made.name!r} already.")
        found[made.name] = made
    return found
