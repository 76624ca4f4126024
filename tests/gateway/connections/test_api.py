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
