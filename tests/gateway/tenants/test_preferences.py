"""How a person likes the desk: kept with the person, used by every page."""

from typing import Any

import pytest
from django.test import Client

from audit.models import AuditRecord
from gateway.tenants.models import User
from tests import people
from tests.factories.tenants import InvitationFactory
from tests.people import People

pytestmark = pytest.mark.django_db
PAGE = "/accounts/preferences/"
LIKED = {
    "theme": "dark", "density": "compact", "diff_mode": "side", "time_zone": "Asia/Tokyo",
    "language": "en",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _two_languages(settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]


@pytest.fixture
def here() -> People:
    return people.ready()


def browser_of(person: User) -> Client:
    browser = Client()
    browser.force_login(person)
    return browser


def members_page(here: People, browser: Client) -> str:
    place = here.environment
    return browser.get(f"/{place.tenant.slug}/{place.slug}/members/").content.decode()


def test_what_a_person_likes_stands_on_every_page(here: People) -> None:
    browser = browser_of(here.admin)
    assert 'data-theme="' not in members_page(here, browser)
    assert browser.post(PAGE, LIKED).status_code == 302
    shown = members_page(here, browser)
    for mark in ('data-bs-theme="dark"', 'data-theme="dark"', 'data-density="compact"',
                 'data-diff-mode="split"', 'data-shortcuts="off"'):  # fmt: skip
        assert mark in shown
    assert 'data-theme="dark"' not in members_page(here, browser_of(here.may))
    record = AuditRecord.objects.get(action="tenants.user.preferences_changed")
    assert '"theme":["auto","dark"]' in record.body


def test_times_are_in_the_persons_zone_else_in_the_tenants(here: People) -> None:
    InvitationFactory(tenant=here.environment.tenant)
    browser = browser_of(here.admin)
    assert "UTC" in members_page(here, browser)
    browser.post(PAGE, LIKED)
    assert "JST" in members_page(here, browser)


@pytest.mark.parametrize(
    "wrong", [{"theme": "loud"}, {"time_zone": "Mars/Olympus"}, {"language": "xx"}, {"density": ""}]
)
def test_what_is_no_choice_changes_nothing(here: People, wrong: dict[str, str]) -> None:
    answer = browser_of(here.may).post(PAGE, LIKED | wrong)
    assert answer.status_code == 422
    here.may.refresh_from_db()
    assert (here.may.theme, here.may.time_zone) == ("auto", "")


def test_nothing_else_of_a_person_can_be_set_there(here: People) -> None:
    browser_of(here.may).post(PAGE, LIKED | {"is_superuser": "on", "email": "boss@example.com"})
    email = here.may.email
    here.may.refresh_from_db()
    assert (here.may.is_superuser, here.may.email) == (False, email)
