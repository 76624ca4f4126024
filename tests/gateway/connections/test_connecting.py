"""Consent in the browser, over the desk's own pages and a real authorization server."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.connections.models import Connection, Token
from gateway.connections.presets import PRESETS, filled
from gateway.connections.services import begin, create, finish, reveal, update
from gateway.lib.errors import Refused
from tests import people
from tests.desk import at, signed_in, text
from tests.doubles.oauth import CLIENT_SECRET
from tests.doubles.serving import Said
from tests.factories.connections import ConnectionFactory
from tests.factories.tenants import EnvironmentFactory
from tests.invariants.stored import where_stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return signed_in(here.admin)


@pytest.fixture
def person(here, consented):
    return consented(environment=here.environment)


def page(here, connection, name):
    return at(here.environment, f"connections:{name}", connection=connection.public_id)


def back(browser, url):
    """The browser follows the service's redirect to us."""
    parts = urlsplit(url)
    return browser.get(f"{parts.path}?{parts.query}")


def connected(here, admin, person, authority):
    sent = admin.post(page(here, person, "connect"))
    return back(admin, authority.consent(sent["Location"]))


def test_a_consent_brings_tokens_that_are_sealed_and_used(here, admin, person, authority):
    sent = admin.post(page(here, person, "connect"))
    query = {name: values[0] for name, values in parse_qs(urlsplit(sent["Location"]).query).items()}
    assert query["scope"] == "read write"
    answer = back(admin, authority.consent(sent["Location"]))
    assert answer["Location"] == page(here, person, "detail")
    made = Connection.objects.get()
    assert reveal(made).value == authority.issued[0]
    assert made.revision == 2
    record = AuditRecord.objects.get(action="connections.connection.connected")
    assert record.body_json["meta"] == {"scopes": "read write", "can_refresh": True}
    shown = text(admin.get(page(here, made, "detail")))
    kept = [authority.issued[0], CLIENT_SECRET, *authority.refresh, query["state"]]
    for secret in kept:
        assert secret not in shown
    for secret in kept[:-1]:
        assert where_stored(secret) == []


def test_the_page_before_says_where_it_goes_and_lets_the_form_go_only_there(here, admin, person):
    answer = admin.get(page(here, person, "connect"))
    shown = text(answer)
    assert "/connections/callback/" in shown
    host = urlsplit(person.config["authorize_url"]).netloc
    assert f"form-action 'self' http://{host}" in answer["Content-Security-Policy"]
    elsewhere = admin.get(page(here, person, "detail"))["Content-Security-Policy"]
    assert host not in elsewhere


def test_a_refusal_of_the_service_is_shown_inert_and_changes_nothing(
    here, admin, person, authority
):
    authority.denies = "access_denied"
    answer = connected(here, admin, person, authority)
    assert answer.status_code == 400
    assert "access_denied: The person &lt;b&gt;said no&lt;/b&gt;." in text(answer)
    assert not Token.objects.get().sealed_access
    record = AuditRecord.objects.get(action="connections.connection.attempt_refused")
    assert (record.outcome, record.body_json["reason"]) == ("refused", "access_denied")


def test_an_answer_counts_once_and_only_in_the_browser_that_asked(here, admin, person, authority):
    sent = admin.post(page(here, person, "connect"))
    url = authority.consent(sent["Location"])
    other = signed_in(here.admin)
    assert "no consent that was begun in this browser" in text(back(other, url))
    assert back(admin, url).status_code == 302
    assert back(admin, url).status_code == 400
    assert len(authority.issued) == 1


@pytest.mark.parametrize("query", ["", "?code=x", "?code=x&state=made-up", "?state=&error=x"])
def test_an_answer_to_nothing_is_refused(here, admin, authority, query):
    answer = admin.get(at(here.environment, "connections:callback") + query)
    assert (answer.status_code, authority.asked) == (400, [])


def test_only_a_get_of_the_person_who_may_brings_a_code(here, admin, person, authority):
    sent = admin.post(page(here, person, "connect"))
    parts = urlsplit(authority.consent(sent["Location"]))
    assert admin.head(f"{parts.path}?{parts.query}").status_code == 405
    assert signed_in(here.may).get(f"{parts.path}?{parts.query}").status_code == 403
    assert signed_in(here.stranger).get(f"{parts.path}?{parts.query}").status_code == 404
    assert authority.issued == []
    assert admin.get(f"{parts.path}?{parts.query}").status_code == 302


def test_a_code_that_was_stolen_is_worth_nothing_without_the_verifier(
    here, admin, person, authority
):
    sent = admin.post(page(here, person, "connect"))
    theirs = authority.consent(sent["Location"])
    stolen = parse_qs(urlsplit(theirs).query)["code"][0]
    mine = begin(person, redirect_uri=authority.codes[stolen].redirect_uri)
    with pytest.raises(Refused, match="PKCE"):
        finish(person, state=mine.state, pending=mine.pending, code=stolen)
    assert authority.issued == []


def test_too_late_changed_meanwhile_and_swapped_connections_are_refused(person, authority):
    start = begin(person, redirect_uri="http://here/")
    other = ConnectionFactory(environment=person.environment, kind=person.kind, config={})
    with pytest.raises(Exception, match="belongs elsewhere"):
        finish(other, state=start.state, pending=start.pending, code="x")
    changed = update(person, config={**person.config, "scopes": "all"})
    with pytest.raises(Refused, match="changed meanwhile"):
        finish(changed, state=start.state, pending=start.pending, code="x")
    assert authority.asked == []


def test_a_service_that_refuses_the_code_says_why(here, admin, person, authority):
    authority.before = [Said(400, {"error": "invalid_grant", "error_description": "Old code."})]
    answer = connected(here, admin, person, authority)
    assert answer.status_code == 400
    assert "invalid_grant: Old code." in text(answer)


def test_reconnecting_forgets_what_was_refused_before(here, admin, person, authority):
    connected(here, admin, person, authority)
    Token.objects.update(
        is_refused=True, error="x", expires_at=timezone.now() - timedelta(hours=1), refresh_at=None
    )
    assert "Reconnect" in text(admin.get(page(here, person, "detail")))
    connected(here, admin, person, authority)
    assert reveal(Connection.objects.get()).value == authority.issued[1]


def test_disconnecting_revokes_and_forgets(here, admin, person, authority):
    connected(here, admin, person, authority)
    refresh = next(iter(authority.refresh))
    assert admin.get(page(here, person, "disconnect")).status_code == 200
    answer = admin.post(page(here, person, "disconnect"), follow=True)
    assert "The service revoked it" in text(answer)
    assert authority.revoked == [refresh]
    assert where_stored(refresh) == []
    with pytest.raises(Refused, match="use Connect"):
        reveal(Connection.objects.get())


def test_a_revocation_that_fails_is_said_and_the_token_is_forgotten_all_the_same(
    here, admin, person, authority
):
    connected(here, admin, person, authority)
    authority.before = [Said(500), Said(500)]
    assert "status 500: look there" in text(
        admin.post(page(here, person, "disconnect"), follow=True)
    )
    token = Token.objects.get()
    assert (token.sealed_access, token.sealed_refresh) == ("", "")


def test_archiving_revokes_a_consent_as_well(here, admin, person, authority):
    connected(here, admin, person, authority)
    admin.post(page(here, person, "archive"))
    assert len(authority.revoked) == 1
    assert admin.post(page(here, person, "connect")).status_code == 404


def test_a_kind_without_consent_has_nothing_to_connect(here, admin, machine):
    made = machine(environment=here.environment)
    for name in ("connect", "disconnect"):
        assert admin.get(page(here, made, name))["Location"] == page(here, made, "detail")
        assert "needs nobody" in text(admin.post(page(here, made, name), follow=True))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_begins_with_its_own_address_state_and_challenge(name):
    preset = PRESETS[name]
    config = {"preset": name, "client_id": "abc"} | ({"place": "acme"} if preset.asks else {})
    made = create(
        EnvironmentFactory(), slug=name, kind="oauth2_authorization_code", value="s", config=config
    )
    url = begin(made, redirect_uri="https://desk.example.com/callback/").url
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    assert parts.scheme == "https"
    assert not [text for text in filled(config).values() if "{" in text]
    assert query["client_id"] == ["abc"]
    assert query["code_challenge_method"] == ["S256"]
    assert set(preset.extra) <= set(query)
    if preset.scopes:
        assert query["scope"] == [preset.separator.join(preset.scopes.split())]
