"""Pages speak the language that a person chose, else the browser's; machines get English."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from gateway.lib.numbers import grouped
from gateway.tenants.models import User
from tests import people
from tests.flows import tongue
from tests.people import People

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/login/"
PREFERENCES = "/accounts/preferences/"
ASKED = {"Accept-Language": tongue.CODE}
LIKED = {"theme": "auto", "density": "comfortable", "diff_mode": "auto", "time_zone": ""}


@pytest.fixture
def spoken(settings: Any) -> Iterator[None]:
    """There is a second language."""
    with tongue.spoken(settings):
        yield


@pytest.fixture
def here() -> People:
    return people.ready()


def browser_of(person: User, **headers: str) -> Client:
    browser = Client(headers=headers)
    browser.force_login(person)
    return browser


def page(here: People, browser: Client) -> str:
    place = here.environment
    return browser.get(f"/{place.tenant.slug}/{place.slug}/members/").content.decode()


def test_the_chosen_language_counts_on_every_page(spoken: None, here: People) -> None:
    browser = browser_of(here.admin)
    assert "<h1>Members</h1>" in page(here, browser)
    assert browser.post(PREFERENCES, LIKED | {"language": tongue.CODE}).status_code == 302
    shown = page(here, browser)
    assert f"<h1>{tongue.longer('Members')}</h1>" in shown
    assert f'<html lang="{tongue.CODE}"' in shown


def test_what_was_chosen_counts_more_than_what_the_browser_asks(spoken: None, here: People) -> None:
    browser = browser_of(here.admin, **ASKED)
    assert tongue.longer("Members") in page(here, browser)
    browser.post(PREFERENCES, LIKED | {"language": "en"})
    assert "<h1>Members</h1>" in page(here, browser)


def test_a_stranger_is_asked_in_the_browsers_language(spoken: None) -> None:
    answer = Client(headers=ASKED).get(SIGN_IN)
    assert tongue.longer("Sign in") in answer.content.decode()
    assert answer.headers["Content-Language"] == tongue.CODE
    assert "Accept-Language" in answer.headers["Vary"]
    assert tongue.longer("Sign in") not in Client().get(SIGN_IN).content.decode()


def test_machines_get_english_whatever_they_ask_for(spoken: None, here: People) -> None:
    here.admin.language = tongue.CODE
    here.admin.save()
    answer = browser_of(here.admin, **ASKED).get("/api/v1/actions?status=wrong")
    assert answer.headers["Content-Language"] == "en"
    assert tongue.OPEN not in answer.content.decode()


def test_a_language_that_is_gone_leaves_the_browser_to_choose(here: People) -> None:
    here.admin.language = "tlh"
    here.admin.save()
    assert '<html lang="en"' in page(here, browser_of(here.admin))


def test_nobody_is_asked_for_the_only_language(here: People) -> None:
    assert 'name="language"' not in browser_of(here.admin).get(PREFERENCES).content.decode()


def test_an_account_mail_is_in_the_persons_language(
    spoken: None, here: People, settings: Any
) -> None:
    settings.EMAIL_URL = "smtp://localhost"
    here.admin.language = tongue.CODE
    here.admin.set_password("old and long enough")
    here.admin.save()
    browser = browser_of(here.admin)
    browser.post(
        "/accounts/password/change/",
        {"oldpassword": "old and long enough", "password1": "new and quite long",
         "password2": "new and quite long"},
    )  # fmt: skip
    assert [one.subject for one in mail.outbox] == [
        tongue.longer("Your Countersign account was changed")
    ]
    assert tongue.longer("Your password was changed.") in mail.outbox[0].body


@pytest.mark.parametrize(("language", "shown"), [("en", "1,234,567.50"), ("de", "1.234.567,50")])
def test_numbers_are_written_as_the_language_does(language: str, shown: str) -> None:
    with translation.override(language):
        assert grouped(1234567.5, decimals=2) == shown
