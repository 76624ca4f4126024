"""What every request is bound to."""

import pytest
from django.test import RequestFactory

from audit.context import well_formed
from gateway.tenants.middleware import client_address, environment_of
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def here():
    return people.ready()


def test_the_correlation_id_comes_back(client):
    answer = client.get("/api/v1/actions", headers={"X-Correlation-ID": "abc-1"})
    assert answer["X-Correlation-ID"] == "abc-1"
    assert answer["X-Request-ID"].startswith("req_")


@pytest.mark.parametrize("bad", ["a b", "ü", "x" * 129, "a\tb"])
def test_a_malformed_correlation_id_is_replaced(client, bad):
    answer = client.get("/api/v1/actions", headers={"X-Correlation-ID": bad})
    assert answer["X-Correlation-ID"] != bad
    assert well_formed(answer["X-Correlation-ID"])


def test_an_environment_exists_for_those_with_a_role(here):
    slugs = {"tenant": here.environment.tenant.slug, "environment": here.environment.slug}
    assert environment_of(here.may_not, **slugs) == here.environment
    assert environment_of(here.stranger, **slugs) is None


def test_the_last_place_is_remembered(client, here):
    client.force_login(here.may)
    place = here.environment
    client.get(f"/{place.tenant.slug}/{place.slug}/inbox/")
    assert client.session["place"] == str(place.pk)


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [
        (0, "203.0.113.9", "10.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "203.0.113.9", "10.0.0.1"),
        (1, "", "10.0.0.1"),
    ],
)
def test_only_trusted_proxies_name_the_client(settings, hops, forwarded, found):
    settings.TRUSTED_PROXIES = hops
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded}
    )
    assert client_address(request) == found


def test_no_secret_part_of_a_path_is_logged(client, capsys):
    client.get("/accounts/invitations/join_very-secret/")
    told = capsys.readouterr()
    assert "join_very-secret" not in told.out + told.err
