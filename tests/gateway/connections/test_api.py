"""Connections by API: values go in and never come back."""

import pytest

from gateway.connections.models import Connection
from tests import people
from tests.callers import key_of

pytestmark = pytest.mark.django_db
SECRET = "s3cr3t-of-the-shop"
BODY = {"slug": "shop", "kind": "bearer", "value": SECRET}


@pytest.fixture
def here():
    return people.ready()


@pytest.fixture
def admin(here):
    return key_of(here, here.admin)


def test_a_value_never_comes_back(admin):
    made = admin.post("connections", BODY)
    assert made.status_code == 201
    assert admin.get("connections/shop").json() == made.json()
    assert SECRET not in made.content.decode() + admin.get("connections").content.decode()
    assert SECRET not in Connection.objects.get().sealed


@pytest.mark.parametrize(
    "change", [{"kind": "magic"}, {"kind": "basic"}, {"value": ""}, {"slug": "no blanks"}]
)
def test_an_unusable_connection_is_refused(admin, change):
    assert admin.post("connections", BODY | change).status_code == 422
    assert not Connection.objects.exists()


def test_only_admins_make_connections(here):
    assert key_of(here, here.operator).post("connections", BODY).status_code == 403


def test_a_change_keeps_what_it_leaves_out(admin):
    first = {"check_url": "https://shop.example.com/me"}
    admin.post("connections", BODY | {"config": first, "limits": {"total_s": 5, "attempts": 2}})
    changed = admin.send("patch", "connections/shop", {"name": "S", "limits": {"attempts": None}})
    assert changed.status_code == 200
    shown = changed.json()
    assert (shown["name"], shown["limits"], shown["config"]) == ("S", {"total_s": 5.0}, first)
    assert shown["revision"] == 1


def test_a_new_address_needs_the_secret_again(admin):
    admin.post("connections", BODY)
    change = {"config": {"check_url": "https://thief.example.net/"}}
    answer = admin.send("patch", "connections/shop", change)
    assert (answer.status_code, answer.json()["code"]) == (422, "value_needed")
    assert admin.send("patch", "connections/shop", change | {"value": "x"}).status_code == 200


def test_rotating_raises_the_revision_and_shows_no_value(admin):
    before = admin.post("connections", BODY).json()
    answer = admin.post("connections/shop/rotate", {"value": "another-s3cret", "revision": 1})
    assert answer.status_code == 200
    assert answer.json()["revision"] == 2
    assert answer.json()["fingerprint"] != before["fingerprint"]
    assert "another-s3cret" not in answer.content.decode()
    again = admin.post("connections/shop/rotate", {"value": "third", "revision": 1})
    assert again.status_code == 409


def test_an_archived_connection_is_gone_and_its_name_stays_taken(admin):
    admin.post("connections", BODY)
    assert admin.send("delete", "connections/shop").status_code == 204
    assert admin.get("connections/shop").status_code == 404
    again = admin.post("connections", BODY)
    assert (again.status_code, again.json()["code"]) == (422, "slug_in_use")


def test_trying_says_whether_it_counts_and_how_it_stands(admin):
    admin.post("connections", BODY)
    answer = admin.post("connections/shop/check")
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_to_try")
    made = admin.post("connections", {"slug": "db", "kind": "dsn", "value": "redis://:pw@db/0"})
    assert (made.json()["state"], made.json()["token"]) == ("ready", None)
    tried = admin.post("connections/db/check").json()
    assert tried["is_good"] is False
    assert "allow-list" in tried["detail"]
    assert admin.get("connections/db").json()["state"] == "trouble"
    assert admin.post("connections/db/disconnect").status_code == 422
