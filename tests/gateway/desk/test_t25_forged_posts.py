"""T25: a form of another site, a foreign origin, a frame around our pages: all of it refused."""

import pytest
from django.conf import settings
from django.test import Client

from gateway.tenants.models import User
from tests.desk import at
from tests.invariants.doors import desk_addresses, rows_of
from tests.people import People, ready

pytestmark = [pytest.mark.django_db, pytest.mark.once]
FOREIGN = {"Origin": "https://evil.example"}
HEADERS = {
    "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
}  # fmt: skip
METHODS = ("post", "put", "patch", "delete")


@pytest.fixture
def people() -> People:
    return ready()


def browser(user: User) -> Client:
    """With the checks on that a test's browser usually leaves out."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def test_no_address_takes_a_form_without_its_token_or_from_elsewhere(people: People) -> None:
    rows = rows_of(people.environment)
    client = browser(people.admin)
    client.get(at(people.environment, "approvals:detail", action=rows["action"]))
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    taken = []
    for name, address in desk_addresses(people.environment, rows).items():
        for method in METHODS:
            bare = getattr(client, method)(address)
            foreign = getattr(client, method)(address, headers=FOREIGN | {"X-CSRFToken": token})
            taken += [(name, method)] if {bare.status_code, foreign.status_code} != {403} else []
    assert taken == []


def test_the_token_opens_the_same_address_from_a_page_of_ours(people: People) -> None:
    # Or the test above would show nothing but doors that are shut for everybody.
    rows = rows_of(people.environment)
    client = browser(people.may)
    client.get(at(people.environment, "approvals:detail", action=rows["action"]))
    token = client.cookies[settings.CSRF_COOKIE_NAME].value
    address = at(people.environment, "approvals:take", action=rows["action"])
    answer = client.post(address, headers={"X-CSRFToken": token})
    assert answer.status_code in {200, 302}


def test_every_answer_in_html_forbids_frames_and_guesses(people: People) -> None:
    rows = rows_of(people.environment)
    client = browser(people.admin)
    addresses = [*desk_addresses(people.environment, rows).values(), "/accounts/login/", "/nowhere"]
    seen, lacking = 0, []
    for address in addresses:
        answer = client.get(address)
        if not answer.get("Content-Type", "").startswith("text/html"):
            continue
        seen += 1
        policy = answer.get("Content-Security-Policy", "")
        sound = "frame-ancestors 'none'" in policy and "unsafe" not in policy
        sound = sound and all(answer.get(name) == value for name, value in HEADERS.items())
        lacking += [] if sound else [address]
    assert lacking == []
    assert seen > 50


def test_the_session_goes_to_no_other_site() -> None:
    assert settings.SESSION_COOKIE_SAMESITE == "Lax"
    assert settings.CSRF_COOKIE_SAMESITE == "Lax"
    assert settings.SESSION_COOKIE_HTTPONLY
