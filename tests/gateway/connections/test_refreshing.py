"""Tokens over real HTTP: issued, kept, refreshed ahead, renewed after a 401, refused for good."""

import json
import threading
from datetime import timedelta
from urllib.parse import parse_qs

import jwt
import pytest
from django.db import connection as database
from django.utils import timezone

from audit.models import AuditRecord
from gateway.connections.grants import Issued
from gateway.connections.models import Connection, Token
from gateway.connections.services import create, renew, reveal, rotate
from gateway.connections.services.refreshing import Unavailable, accept
from gateway.connections.services.sealed import seal_token
from gateway.lib.errors import Refused
from tests.doubles.oauth import CLIENT_SECRET
from tests.doubles.serving import Said
from tests.factories.tenants import EnvironmentFactory
from tests.gateway.connections.conftest import aged
from tests.invariants.stored import where_stored

pytestmark = pytest.mark.django_db
SOON, PAST = timedelta(minutes=2), timedelta(minutes=-2)


def connected(connection, authority, *, refresh="refresh-0"):
    """As if somebody had agreed: a token that is due, and one to refresh it with."""
    authority.refresh[refresh] = True
    authority.access["access-0"] = "read"
    token, now = connection.token, timezone.now()
    Token.objects.filter(pk=token.pk).update(
        sealed_access=seal_token(token, "access", "access-0"),
        sealed_refresh=seal_token(token, "refresh", refresh),
        refresh_at=now + PAST, expires_at=now + SOON,
    )  # fmt: skip
    return connection


def at(delta):
    return timezone.now() + delta


def test_a_token_is_issued_once_and_kept_until_shortly_before_its_end(machine, authority):
    made = machine()
    assert reveal(made) == reveal(made)
    assert len(authority.issued) == 1
    left = Token.objects.get().refresh_at - timezone.now()
    assert timedelta(minutes=54) < left <= timedelta(minutes=55)
    aged(made, refresh_at=at(PAST))
    assert reveal(made).value == authority.issued[1]
    made.refresh_from_db()
    assert made.revision == 1


def test_a_life_shorter_than_the_margin_is_used_to_its_half(machine, authority):
    authority.lives_s = 60
    reveal(machine())
    left = Token.objects.get().refresh_at - timezone.now()
    assert timedelta(seconds=25) < left <= timedelta(seconds=30)


def test_a_rotated_refresh_token_is_kept_and_the_old_one_forgotten(consented, authority):
    made = connected(consented(), authority)
    first = reveal(made)
    aged(made, refresh_at=at(PAST))
    second = reveal(made)
    assert [first.value, second.value] == authority.issued
    assert list(authority.refresh.values()) == [False, False, True]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_expired", [False, True])
def test_two_workers_refreshing_one_token_make_one_request(consented, authority, is_expired):
    made = connected(consented(), authority)
    if is_expired:
        aged(made, expires_at=at(PAST))
    got, start = [], threading.Barrier(4)

    def work():
        try:
            start.wait(5)
            got.append(reveal(Connection.objects.get(pk=made.pk)).value)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(authority.issued) == 1
    # Whoever came meanwhile had the old one while it counted, else waited for the new one.
    assert set(got) <= ({authority.issued[0]} if is_expired else {authority.issued[0], "access-0"})
    assert len(got) == 4


def test_a_revoked_consent_ends_in_reconnect_and_is_not_asked_again(consented, authority):
    made = connected(consented(), authority)
    aged(made, expires_at=at(PAST))
    authority.refresh.clear()
    for _ in range(2):
        with pytest.raises(Refused, match="invalid_grant: Unknown token") as refused:
            reveal(made)
        assert refused.value.code == "reconnect_needed"
    assert len([asked for asked in authority.asked if asked.path == "/token"]) == 1
    record = AuditRecord.objects.get(action="connections.token.refresh_failed")
    assert (record.outcome, record.body_json["reason"]) == ("failed", "invalid_grant")


def test_a_token_that_still_counts_outlives_a_failed_refresh(consented, authority):
    made = connected(consented(), authority)
    authority.before = [Said(503)]
    assert reveal(made).value == "access-0"
    token = Token.objects.get()
    assert (token.is_refused, "status 503" in token.error) == (False, True)
    aged(made, refresh_at=at(PAST))
    assert reveal(made).value == authority.issued[0]
    assert Token.objects.get().error == ""


def test_without_a_token_a_passing_failure_is_no_refusal(machine, authority):
    made = machine()
    authority.before = [Said(503), Said(503)]
    with pytest.raises(Unavailable):
        reveal(made)
    with pytest.raises(Unavailable):  # at once: nobody asks a service that was down a moment ago
        reveal(made)
    assert len(authority.asked) == 2
    aged(made, refresh_at=at(PAST))
    assert reveal(made).value == authority.issued[0]


def test_a_wrong_secret_is_said_without_the_secret_until_it_is_rotated(machine, authority, caplog):
    made = rotate(machine(), value="not-the-secret")
    with pytest.raises(Refused, match="invalid_client"):
        reveal(made)
    shown = str(list(Token.objects.values())) + caplog.text
    assert "not-the-secret" not in shown
    made = rotate(made, value=CLIENT_SECRET)
    assert reveal(made).value == authority.issued[0]
    assert where_stored(CLIENT_SECRET) == where_stored(authority.issued[0]) == []


def test_a_service_that_repeats_our_secret_is_not_repeated(machine, authority):
    made = machine()
    authority.before = [Said(400, {"error": "x", "error_description": f"No: {CLIENT_SECRET}\n!"})]
    with pytest.raises(Refused) as refused:
        reveal(made)
    assert "No: [secret] !" in refused.value.detail


def test_after_a_401_the_token_is_refreshed_once_whoever_notices_first(consented, authority):
    made = connected(consented(), authority)
    aged(made, refresh_at=at(timedelta(hours=1)))
    spent = reveal(made)
    authority.revoke("access-0")
    fresh = renew(made, spent)
    assert fresh
    assert fresh.value == authority.issued[0]
    assert renew(made, spent) == fresh
    assert len(authority.issued) == 1


def test_a_401_without_a_way_to_refresh_leads_to_reconnect(consented, authority):
    made = connected(consented(), authority)
    Token.objects.update(sealed_refresh="", refresh_at=None, expires_at=None)
    assert renew(made, reveal(made)) is None
    assert "gave none to refresh" in Token.objects.get().error
    assert Token.objects.get().is_refused


def test_never_connected_says_what_to_do(consented):
    with pytest.raises(Refused, match="use Connect"):
        reveal(consented())


def test_a_claim_that_was_lost_stores_nothing(machine, authority):
    made = machine()
    reveal(made)
    stale = Token.objects.select_related("connection__environment__tenant").get()
    rotate(made, value=CLIENT_SECRET)
    assert not accept(stale, Issued("late-token"))
    assert Token.objects.get().sealed_access == ""


def test_a_worker_that_died_while_asking_blocks_nobody_for_long(machine, authority):
    made = machine()
    aged(made, lease_until=at(timedelta(seconds=-1)), attempts=7)
    assert reveal(made).value == authority.issued[0]


def test_a_github_app_signs_and_gets_an_installations_token(authority, key_pair):
    authority.public_key = key_pair[1]
    made = create(
        EnvironmentFactory(), slug="app", kind="github_app", value=key_pair[0],
        config={"app_id": "9", "installation_id": "42", "base_url": authority.url},
    )  # fmt: skip
    assert (reveal(made).kind, reveal(made).value) == ("bearer", authority.issued[0])
    claims = authority.claims[0]
    assert claims["iss"] == "9"
    assert claims["exp"] - claims["iat"] <= 600
    token = Token.objects.get()
    assert (token.scopes, token.expires_at.year) == ("issues:write", 2099)


def test_a_service_account_exchanges_a_statement_from_its_key_file(authority, key_pair):
    authority.public_key = key_pair[1]
    file = {
        "type": "service_account", "client_email": "bot@example.com", "private_key_id": "k1",
        "private_key": key_pair[0], "token_uri": f"{authority.url}/token",
    }  # fmt: skip
    made = create(
        EnvironmentFactory(), slug="google", kind="jwt_service_account", value=json.dumps(file),
        config={"scopes": "drive", "subject": "ana@example.com"},
    )  # fmt: skip
    assert reveal(made).value == authority.issued[0]
    claims = authority.claims[0]
    assert (claims["iss"], claims["scope"], claims["sub"]) == (
        "bot@example.com", "drive", "ana@example.com",
    )  # fmt: skip
    sent = parse_qs(authority.asked[0].body.decode())["assertion"][0]
    assert jwt.get_unverified_header(sent)["kid"] == "k1"
    assert where_stored("PRIVATE KEY") == []


def test_a_token_goes_into_the_header_that_the_service_reads(machine):
    secret = reveal(machine(config={"header": "X-Token", "version_header": "X-Version: 7"}))
    assert (secret.kind, secret.header, secret.pinned) == ("header", "X-Token", {"X-Version": "7"})


@pytest.mark.parametrize(
    "answer",
    [
        Said(200, b"<html>ok</html>"),
        Said(200, {"token_type": "bearer"}),
        Said(200, {"access_token": "two\r\nlines"}),
        Said(200, {"access_token": 7}),
        Said(200, ["access_token"]),
        Said(200, {"ok": False, "error": "invalid_auth"}),
        Said(302, None, {"Location": "https://elsewhere.example.com/"}),
    ],
)
def test_an_answer_without_a_usable_token_is_a_refusal_and_nothing_is_kept(
    machine, authority, answer
):
    made = machine()
    authority.before = [answer]
    with pytest.raises(Refused, match="answered a request for a token"):
        reveal(made)
    assert Token.objects.get().sealed_access == ""


@pytest.mark.parametrize("life", [0, -5, "soon", None, True, 10**20])
def test_a_life_without_sense_is_never_taken_at_its_word(machine, authority, life):
    made = machine()
    authority.before = [Said(200, {"access_token": "a-token", "expires_in": life})]
    assert reveal(made).value == "a-token"
