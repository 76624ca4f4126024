"""Changing connections: what raises the revision, where secrets may go, what the log keeps."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.connections.models import Connection, Token
from gateway.connections.services import archive, create, reveal, rotate, update
from gateway.lib.errors import Refused, StaleState
from tests.factories.connections import ConnectionFactory, TokenFactory
from tests.factories.tenants import EnvironmentFactory
from tests.invariants.stored import where_stored

pytestmark = pytest.mark.django_db
SECRET = "n3w-s3cret-of-the-shop"
TOKEN_URL = {"client_id": "app", "token_url": "https://auth.example.com/token"}


def last(action):
    return AuditRecord.objects.filter(action=f"connections.connection.{action}").latest("id")


def test_a_new_value_is_another_credential_and_raises_the_revision():
    made = ConnectionFactory(value="old-secret")
    rotated = rotate(made, value=SECRET)
    assert (reveal(rotated).value, rotated.revision) == (SECRET, 2)
    assert rotated.fingerprint != made.fingerprint
    assert timezone.now() - rotated.value_since < timedelta(minutes=1)
    assert SECRET not in str(last("rotated").body_json)
    assert where_stored(SECRET) == []


@pytest.mark.parametrize(
    ("change", "revision"),
    [
        ({"name": "Shop"}, 1),
        ({"limits": {"total_s": 5}}, 1),
        ({"rotate_after_days": 90}, 1),
        ({"config": {"check_url": "https://shop.example.com/me"}}, 2),
        ({"region": "eu"}, 2),
        ({"config": {}, "name": ""}, 1),
    ],
)
def test_what_changes_how_it_acts_raises_the_revision_and_nothing_else_does(change, revision):
    made = ConnectionFactory()
    has_value = {"value": SECRET} if "config" in change and change["config"] else {}
    assert update(made, **has_value, **change).revision == revision


def test_a_stored_secret_is_never_sent_to_a_new_address():
    made = ConnectionFactory(kind="oauth2_client_credentials", config=TOKEN_URL)
    elsewhere = TOKEN_URL | {"token_url": "https://thief.example.net/token"}
    with pytest.raises(Refused, match="enter it again") as refused:
        update(made, config=elsewhere)
    assert refused.value.code == "value_needed"
    made.refresh_from_db()
    assert made.config == TOKEN_URL
    assert update(made, config=elsewhere, value=SECRET).config == elsewhere


def test_a_change_meanwhile_is_said_and_not_overwritten():
    made = ConnectionFactory()
    rotate(made, value=SECRET)
    with pytest.raises(StaleState):
        update(made, revision=1, name="Mine")


@pytest.mark.parametrize(
    ("kind", "value", "config", "code"),
    [
        ("telepathy", "v", {}, "unknown_kind"),
        ("bearer", "", {}, "empty_value"),
        ("bearer", "two\nlines", {}, "invalid_value"),
        ("bearer", "v", {"colour": "red"}, "invalid_config"),
        ("bearer", "v", {"check_url": "https://user:pw@shop.example.com/"}, "invalid_config"),
        ("bearer", "v", {"check_url": "ftp://shop.example.com/"}, "invalid_config"),
        ("basic", "v", {}, "invalid_config"),
        ("oauth2_client_credentials", "v", TOKEN_URL | {"client_auth": "x"}, "invalid_config"),
        ("oauth2_authorization_code", "v", {"preset": "shopify", "client_id": "a"},
         "invalid_config"),
        ("oauth2_authorization_code", "v",
         {"preset": "shopify", "client_id": "a", "place": "evil.example/x?"}, "invalid_config"),
        ("oauth2_authorization_code", "v", {"preset": "myspace", "client_id": "a"},
         "invalid_config"),
        ("github_app", "no key", {"app_id": "1", "installation_id": "2"}, "invalid_value"),
        ("jwt_service_account", "{", {"issuer": "a"}, "invalid_value"),
        ("jwt_service_account", '{"type": "x"}', {"issuer": "a"}, "invalid_value"),
        ("aws_sigv4", "v", {"access_key_id": "AKID"}, "invalid_config"),
        ("dsn", "not an address", {}, "invalid_value"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_and_leaves_nothing(kind, value, config, code):
    with pytest.raises(Refused) as refused:
        create(EnvironmentFactory(), slug="x", kind=kind, value=value, config=config)
    assert refused.value.code == code
    assert not Connection.objects.exists()
    assert not Token.objects.exists()


@pytest.mark.parametrize(
    "dsn",
    ["postgresql://u:pw@db.example.com:5432/shop", "smtp://mail.example.com", "sqlite:///shop.db"],
)
def test_a_dsn_names_a_server_or_a_file(dsn):
    made = create(EnvironmentFactory(), slug="db", kind="dsn", value=dsn)
    assert (reveal(made).kind, reveal(made).value) == ("dsn", dsn)


def test_a_limit_out_of_bounds_is_refused_and_named():
    with pytest.raises(Refused, match="from 1 to 10 tries"):
        update(ConnectionFactory(), limits={"attempts": 50})
    with pytest.raises(Refused, match="no such limit"):
        update(ConnectionFactory(), limits={"patience": 5})


def test_a_preset_fills_in_addresses_and_another_shop_brings_others():
    made = create(
        EnvironmentFactory(), slug="x", kind="oauth2_authorization_code", value="s",
        config={"preset": "shopify", "client_id": "a", "place": "first", "scopes": "read_orders"},
    )  # fmt: skip
    assert made.config["token_url"].startswith("https://first.myshopify.com/")
    moved = update(made, config={**made.config, "place": "second"}, value="t")
    assert moved.config["token_url"].startswith("https://second.myshopify.com/")


def test_a_renamed_connection_keeps_its_token_and_a_changed_one_loses_it():
    token = TokenFactory(access="issued")
    update(token.connection, name="Other", limits={"total_s": 5})
    token.refresh_from_db()
    assert token.sealed_access
    update(token.connection, config={**token.connection.config, "scopes": "all"})
    token.refresh_from_db()
    assert not token.sealed_access


def test_an_archived_connection_keeps_no_secret_and_reveals_none():
    token = TokenFactory(refresh="r")
    connection = token.connection
    archive(connection)
    stored = Connection.objects.get(pk=connection.pk)
    token.refresh_from_db()
    assert (stored.sealed, token.sealed_access, token.sealed_refresh) == ("", "", "")
    with pytest.raises(Refused, match="is archived"):
        reveal(connection)
    assert last("archived").body_json["target"]["id"] == connection.public_id
    with pytest.raises(Refused, match="is archived"):
        rotate(connection, value=SECRET)


def test_an_expired_credential_is_not_used():
    made = ConnectionFactory(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(Refused, match="has expired"):
        reveal(made)
