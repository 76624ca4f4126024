"""An address that moves takes nothing along: neither a secret nor what a person agreed to."""

from typing import Any

import pytest

from gateway.connections.grants import Issued
from gateway.connections.models import Connection, Token
from gateway.connections.services import begin, check, create, disconnect, finish, update
from gateway.connections.services.refreshing import accept
from gateway.lib.errors import Refused
from tests.doubles.oauth import CLIENT_ID, CLIENT_SECRET, Authority
from tests.doubles.serving import Asked, Said, Service, serving
from tests.factories.tenants import EnvironmentFactory

pytestmark = pytest.mark.django_db


class Thief(Service):
    """Takes whatever comes."""

    def answer(self, asked: Asked) -> Said:
        return Said(200, {"ok": True})


@pytest.fixture
def thief(settings: Any, authority: Authority):
    with serving(Thief()) as double:
        settings.OUTBOUND_ALLOW = [authority.host_port, double.host_port]
        yield double


def agreed(connection: Connection, authority: Authority) -> Connection:
    """Somebody agrees at the service."""
    start = begin(connection, redirect_uri="http://here/")
    sent = authority.consent(start.url)
    code = sent.partition("code=")[2].partition("&")[0]
    return finish(connection, state=start.state, pending=start.pending, code=code)


def told(thief: Thief) -> str:
    return " ".join(f"{asked.headers} {asked.body!r}" for asked in thief.asked)


@pytest.fixture
def public(authority: Authority) -> Connection:
    config = {
        "client_id": CLIENT_ID, "token_url": f"{authority.url}/token", "client_auth": "body",
        "authorize_url": f"{authority.url}/authorize",
    }  # fmt: skip
    made = create(
        EnvironmentFactory(), slug="public", kind="oauth2_authorization_code", config=config
    )
    token = Token.objects.select_related("connection__environment__tenant").get()
    assert accept(token, Issued("access-of-a-person", "refresh-of-a-person"))
    return made


@pytest.mark.parametrize(("address", "use"), [("check_url", check), ("revoke_url", disconnect)])
def test_a_consent_goes_nowhere_else_whatever_is_entered_as_the_secret(
    consented, authority, thief, address, use
):
    person = agreed(consented(), authority)
    kept = [*authority.issued, *authority.refresh]
    moved = update(person, config={**person.config, address: f"{thief.url}/"}, value="garbage")
    use(moved)
    assert thief.asked == []
    assert [secret for secret in kept if secret in told(thief)] == []
    token = Token.objects.get()
    assert (token.sealed_access, token.sealed_refresh) == ("", "")


@pytest.mark.parametrize("address", ["check_url", "revoke_url", "token_url", "authorize_url"])
def test_a_public_clients_consent_is_ended_before_an_address_moves(public, thief, address):
    elsewhere = {**public.config, address: f"{thief.url}/"}
    with pytest.raises(Refused, match="disconnect first") as refused:
        update(public, config=elsewhere)
    assert refused.value.code == "disconnect_needed"
    assert Connection.objects.get().config == public.config
    disconnect(public)
    moved = update(public, config=elsewhere)
    assert moved.config == elsewhere
    disconnect(moved)
    assert thief.asked == []


def test_a_new_secret_and_what_moves_nothing_keep_the_consent(consented, authority):
    person = agreed(consented(), authority)
    update(person, value=CLIENT_SECRET)
    kept = update(person, config={**person.config, "check_url": ""})
    assert "check_url" not in kept.config
    assert Token.objects.get().sealed_refresh
