"""Where a person is signed in: seen by that person alone, ended there and everywhere."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from audit.models import AuditRecord
from gateway.tenants.models import SignIn, User
from tests import people
from tests.factories.tenants import PASSWORD

pytestmark = pytest.mark.django_db
PAGE = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26 Mobile Safari/604.1"


@pytest.fixture
def person() -> User:
    cache.clear()
    return people.ready().may


def browser_of(person: User, agent: str = FIREFOX) -> Client:
    browser = Client(headers={"User-Agent": agent})
    browser.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    browser.get(PAGE)
    return browser


def is_in(browser: Client) -> bool:
    return browser.get(PAGE).status_code == 200


def test_a_person_sees_every_browser_and_which_is_this_one(person: User) -> None:
    here = browser_of(person)
    browser_of(person, SAFARI)
    shown = here.get(PAGE).content.decode()
    assert "Firefox on Linux" in shown
    assert "Safari on iPhone" in shown
    assert shown.count("this one") == 1
    assert "127.0.0.1" in shown


def test_one_session_is_ended_and_the_others_go_on(person: User) -> None:
    here, there = browser_of(person), browser_of(person, SAFARI)
    row = SignIn.objects.get(session_key=there.session.session_key)
    assert here.post(f"{PAGE}{row.public_id}/end/").status_code == 302
    assert not is_in(there)
    assert is_in(here)
    assert AuditRecord.objects.filter(action="tenants.user.sign_in_ended").count() == 1


def test_ending_all_others_ends_also_those_that_were_never_noted(person: User) -> None:
    here, there = browser_of(person), browser_of(person)
    stranger = browser_of(people.ready().may)
    SignIn.objects.filter(session_key=there.session.session_key).delete()
    here.post(f"{PAGE}end-others/")
    assert (is_in(here), is_in(there), is_in(stranger)) == (True, False, True)


def test_nobody_ends_somebody_elses_session(person: User) -> None:
    theirs, mine = browser_of(people.ready().may), browser_of(person)
    row = SignIn.objects.get(session_key=theirs.session.session_key)
    assert mine.post(f"{PAGE}{row.public_id}/end/").status_code == 404
    assert is_in(theirs)


def test_opening_the_address_of_an_end_ends_nothing(person: User) -> None:
    here, there = browser_of(person), browser_of(person)
    row = SignIn.objects.get(session_key=there.session.session_key)
    here.get(f"{PAGE}{row.public_id}/end/")
    here.get(f"{PAGE}end-others/")
    assert is_in(there)


def test_a_session_that_got_a_new_key_is_listed_once_and_under_it(person: User) -> None:
    browser = browser_of(person)
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    rows = browser.get(PAGE).context["rows"]
    assert [row.session_key for row, _ in rows] == [browser.session.session_key]


def test_what_ran_out_is_not_listed(person: User) -> None:
    here, there = browser_of(person), browser_of(person, SAFARI)
    old = Session.objects.filter(session_key=there.session.session_key)
    old.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert "Safari" not in here.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("peer", "noted"),
    [("", None), ("unix:", None), ("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1", "192.0.2.1")],
)
def test_an_address_of_any_kind_breaks_no_page(person: User, peer: str, noted: str | None) -> None:
    browser = Client()
    browser.force_login(person)
    assert browser.get(PAGE, REMOTE_ADDR=peer).status_code == 200
    assert SignIn.objects.get().address == noted


def test_being_seen_is_written_once_a_minute(
    person: User, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    browser = browser_of(person)
    row = SignIn.objects.get()
    SignIn.objects.update(last_seen_at=row.last_seen_at - timedelta(hours=1))
    browser.get(PAGE)
    assert SignIn.objects.get().last_seen_at < row.last_seen_at
    cache.clear()
    browser.get(PAGE)
    assert SignIn.objects.get().last_seen_at > row.last_seen_at


def test_too_many_wrong_passwords_lead_to_a_page_that_says_so(person: User) -> None:
    browser = Client()
    answers = [
        browser.post("/accounts/login/", {"login": f"who-{n}@example.com", "password": "no"})
        for n in range(12)
    ]
    assert "Too many" in answers[-1].content.decode()


def test_limits_count_the_client_behind_a_trusted_proxy(person: User, settings) -> None:
    settings.TRUSTED_PROXIES = 1
    for n in range(12):
        Client(headers={"X-Forwarded-For": f"9.9.9.{n}, 192.0.2.1"}).post(
            "/accounts/login/", {"login": f"who-{n}@example.com", "password": "no"}
        )
    elsewhere = Client(headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"})
    elsewhere.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert is_in(elsewhere)
    same = Client(headers={"X-Forwarded-For": "8.8.8.8, 192.0.2.1"})
    same.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert not is_in(same)
