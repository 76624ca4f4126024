"""An authorization server on loopback that the door may reach, and connections to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.connections.models import Connection, Token
from gateway.connections.services import create
from tests.doubles.oauth import CLIENT_ID, CLIENT_SECRET, Authority
from tests.doubles.serving import serving
from tests.factories.tenants import EnvironmentFactory

Make = Callable[..., Connection]


@pytest.fixture
def authority(settings: Any) -> Iterator[Authority]:
    """The server; `settings.OUTBOUND_ALLOW` names it."""
    with serving(Authority()) as double:
        settings.OUTBOUND_ALLOW = [double.host_port]
        yield double


@pytest.fixture(scope="session")
def key_pair() -> tuple[str, str]:
    """A private key as PEM, and its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@pytest.fixture
def machine(authority: Authority) -> Make:
    """Makes a connection by client credentials."""

    def make(**more: Any) -> Connection:
        config = {"client_id": CLIENT_ID, "token_url": f"{authority.url}/token"}
        config |= more.pop("config", {})
        return create(
            more.pop("environment", None) or EnvironmentFactory(), slug="machine",
            kind="oauth2_client_credentials", value=CLIENT_SECRET, config=config, **more,
        )  # fmt: skip

    return make


@pytest.fixture
def consented(authority: Authority) -> Make:
    """Makes a connection by consent; not connected yet."""

    def make(**more: Any) -> Connection:
        config = {
            "client_id": CLIENT_ID, "token_url": f"{authority.url}/token",
            "authorize_url": f"{authority.url}/authorize", "revoke_url": f"{authority.url}/revoke",
            "scopes": "read write", "check_url": f"{authority.url}/api/me",
        }  # fmt: skip
        return create(
            more.pop("environment", None) or EnvironmentFactory(), slug="person",
            kind="oauth2_authorization_code", value=CLIENT_SECRET,
            config=config | more.pop("config", {}), **more,
        )  # fmt: skip

    return make


def aged(connection: Connection, **columns: Any) -> None:
    """Move the token's deadlines: time passes in rows."""
    assert Token.objects.filter(connection=connection).update(**columns) == 1
