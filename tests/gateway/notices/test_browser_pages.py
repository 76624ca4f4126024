"""The browsers that tell a member, on their page of notifications; and the service worker."""

from typing import Any

import pytest
from django.urls import reverse

from gateway.notices import webpush
from gateway.notices.models import Browser
from tests.desk import at, signed_in, text
from tests.factories.notices import BrowserFactory
from tests.gateway.notices.services.test_pushing import GIVEN, KEY
from tests.people import People, ready

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(settings: Any) -> People:
    settings.PUSH_KEY = KEY
    return ready()


def page(people: People) -> str:
    return text(signed_in(people.may).get(at(people.environment, "notices:preferences")))


def test_a_browser_is_added_listed_and_removed(people: People) -> None:
    browser, home = signed_in(people.may), at(people.environment, "notices:preferences")
    answer = browser.post(at(people.environment, "notices:add_browser"), GIVEN, follow=True)
    assert "This browser is added" in text(answer)
    assert "push.example.com" in text(answer)
    assert "/v1/one" not in text(answer)
    made = Browser.objects.get()
    gone = at(people.environment, "notices:remove_browser", browser=made.public_id)
    assert browser.post(gone)["Location"] == home
    made.refresh_from_db()
    assert made.removed_at is not None
    assert browser.post(gone).status_code == 404


def test_nobody_removes_another_members_browser(people: People) -> None:
    made = BrowserFactory(environment=people.environment, member=people.member(people.second))
    gone = at(people.environment, "notices:remove_browser", browser=made.public_id)
    assert signed_in(people.may).post(gone).status_code == 404
    assert "push.example.com" not in page(people)


def test_what_is_no_subscription_is_said_and_adds_nothing(people: People) -> None:
    address = at(people.environment, "notices:add_browser")
    for given in ({}, GIVEN | {"endpoint": "http://127.0.0.1/"}, GIVEN | {"auth": "x"}):
        answer = signed_in(people.may).post(address, given, follow=True)
        assert (
            'class="cs-note bad' in text(answer)
            or "cannot be used" in text(answer)
            or ("gave no subscription" in text(answer))
        )
    assert not Browser.objects.exists()


def test_the_page_hands_browsers_our_public_key_and_nothing_private(people: People) -> None:
    shown = page(people)
    assert f'data-push="{webpush.public_text(KEY)}"' in shown
    assert KEY not in shown


def test_without_a_key_the_page_says_why_there_is_no_button(people: People, settings: Any) -> None:
    settings.PUSH_KEY = ""
    shown = page(people)
    assert "COUNTERSIGN_PUSH_KEY" in shown
    assert "data-push" not in shown
    assert 'value="push"' not in shown


def test_the_service_worker_is_at_the_top_for_anybody_and_under_the_policy(client: Any) -> None:
    answer = client.get(reverse("service_worker"))
    assert answer.wsgi_request.path == "/sw.js"
    assert answer["Content-Type"] == "text/javascript"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert b"showNotification" in answer.content
