"""Reception without an event loop, through Django's own request cycle."""

import json
from pathlib import Path

import pytest
from django.test import Client

from gateway.lib.broker import JobName
from tests import jobs
from tests.factories.webhooks import SecretFactory, SourceFactory
from webhooks.models import Event, Refusal
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import sign

pytestmark = pytest.mark.django_db
FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "webhooks" / "github"
BODIES = sorted(path for path in FIXTURES.glob("*.json") if ".headers." not in path.name)
SECRET = "It's a Secret to Everybody"


@pytest.fixture
def source():
    made = SourceFactory(scheme="github")
    SecretFactory(source=made, value=SECRET)
    return made


def post(source, body: bytes, headers: dict[str, str], **changes):
    signed = sign(
        source.rules, key_of(source.rules, SECRET), body, event_id="", sent_at=0, event_type=""
    )
    given = headers | {"x-hub-signature-256": signed["x-hub-signature-256"]} | changes
    content_type = given.pop("content-type", "application/json")
    return Client(enforce_csrf_checks=True).post(
        f"/webhooks/{source.address}", body, content_type=content_type, headers=given
    )


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_recorded_delivery_of_github_is_accepted_once(source, path):
    body = path.read_bytes()
    headers = json.loads(path.with_suffix(".headers.json").read_text())

    first = post(source, body, headers)
    again = post(source, body, headers)

    event = Event.objects.get()
    assert (first.status_code, first.json()["status"]) == (202, "accepted")
    assert (again.status_code, again.json()["status"]) == (200, "duplicate")
    assert event.raw == body
    assert event.event_type == headers["x-github-event"]
    assert event.event_id == headers["x-github-delivery"]
    assert event.duplicates == 1
    assert JobName.PROCESS_EVENTS in {message.actor_name for message in jobs.drain()}
    event.refresh_from_db()
    assert event.status == "processed"


def test_wrong_signature_and_unknown_address_look_alike(source):
    headers = {"x-github-delivery": "1", "x-github-event": "push"}
    wrong = post(source, b"{}", headers, **{"x-hub-signature-256": "sha256=" + "0" * 64})
    source.address = "in_unknown"
    unknown = post(source, b"{}", headers)

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content == b'{"error":"invalid_signature"}'
    assert list(source.refusals.values_list("reason", "count")) == [("wrong_signature", 1)]
    # An intake server of an earlier test may just now write its count of unknown addresses.
    assert Refusal.objects.filter(source=None, reason="unknown_source").exists()


def test_limits_are_those_of_the_intake(source):
    headers = {"x-github-delivery": "1"}

    assert post(source, b"{}", headers, **{"content-type": "text/plain"}).status_code == 415
    assert post(source, b"x" * (1024 * 1024 + 1), headers).status_code == 413
    assert Client().get(f"/webhooks/{source.address}").status_code == 405
