"""The signature debugger: who may use it, what it tells, and that it keeps and leaks nothing."""

import base64
import hmac
import html
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from tests import people
from tests.desk import at, signed_in, text
from tests.factories.webhooks import EventFactory, SecretFactory, SourceFactory
from webhooks.models import Event, Refusal

pytestmark = pytest.mark.django_db
SECRET = "a-secret-of-github"
BODY = '{"action":"opened","text":"x\u202ey"}'


@pytest.fixture
def met():
    return people.ready()


@pytest.fixture
def source(met):
    made = SourceFactory(environment=met.environment, scheme="github", slug="github")
    SecretFactory(source=made, value=SECRET)
    return made


def signature(body: str = BODY, secret: str = SECRET) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body.encode(), "sha256").hex()


def pasted(made: str, **changes) -> dict[str, str]:
    headers = f"X-GitHub-Delivery: d-1\r\nX-Hub-Signature-256: {made}\r\nContent-Type: text/json"
    return {"headers": headers.replace("text/", "application/"), "body": BODY, **changes}


def page(source) -> str:
    return at(source.environment, "webhooks:debug", source=source.slug)


def shown(person, source, given: dict[str, str]) -> str:
    answer = signed_in(person).post(page(source), given)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    return html.unescape(text(answer))


def test_a_genuine_request_passes_every_step(met, source):
    told = shown(met.operator, source, pasted(signature()))
    assert "It is genuine" in told
    assert "not reached" not in told
    assert 'data-char="U+202E"' in told


def test_a_wrong_one_is_refused_with_the_mistake_and_the_bytes(met, source):
    spaced = json.dumps(json.loads(BODY), ensure_ascii=False)
    told = shown(met.operator, source, pasted(signature(spaced)))
    assert "Refused: Wrong signature" in told
    assert "spaced JSON" in told
    assert "7b 22 61 63 74 69 6f 6e" in told


def test_the_expected_signature_and_the_secret_are_never_shown(met, source):
    told = shown(met.admin, source, pasted("sha256=" + "0" * 64))
    whole = signature().removeprefix("sha256=")
    assert whole[:8] in told
    assert whole[:9] not in told
    assert SECRET not in told


def test_a_secret_that_ended_and_one_of_another_source_are_named(met, source):
    ended = timezone.now() - timedelta(hours=3)
    SecretFactory(source=source, value="the-secret-before", not_after=ended)
    told = shown(met.operator, source, pasted(signature(secret="the-secret-before")))
    assert "which does not count here" in told
    assert "It ended 3 h before" in told
    SecretFactory(
        source=SourceFactory(environment=met.environment, scheme="github", slug="github-test"),
        value="secret-of-a-test",
    )
    told = shown(met.operator, source, pasted(signature(secret="secret-of-a-test")))
    assert "secret of the source github-test" in told


def test_secrets_of_another_environment_are_not_tried(met, source):
    theirs = SourceFactory(environment=met.elsewhere, scheme="github", slug="theirs")
    SecretFactory(source=theirs, value="secret-of-others")
    told = shown(met.operator, source, pasted(signature(secret="secret-of-others")))
    assert "most likely it is another secret" in told


def test_nothing_is_kept_but_that_somebody_asked(met, source):
    shown(met.operator, source, pasted(signature()))
    shown(met.operator, source, pasted("sha256=00"))
    assert not Event.objects.exists()
    assert not Refusal.objects.exists()
    records = AuditRecord.objects.filter(action="webhooks.source.signature_debugged")
    assert records.count() == 2
    assert not any("opened" in str(values) for values in records.values())


def test_a_source_that_is_off_and_an_address_not_on_its_list_are_told(met, source):
    source.settings = {"ip_allow": ["192.0.2.0/24"]}
    source.is_enabled = False
    source.save()
    told = shown(met.operator, source, pasted(signature(), client="198.51.100.7"))
    assert "off or archived" in told
    assert "198.51.100.7 is not on the list" in told
    assert "Refused: Disabled" in told


def test_base64_and_the_time_of_receipt_are_taken(met):
    source = SourceFactory(environment=met.environment, scheme="slack", slug="slack")
    SecretFactory(source=source, value=SECRET)
    body = b"\xff\r\n"
    made = hmac.digest(SECRET.encode(), b"v0:1700000000:" + body, "sha256").hex()
    given = {
        "headers": f"x-slack-request-timestamp: 1700000000\nx-slack-signature: v0={made}",
        "body": base64.b64encode(body).decode(),
        "is_base64": "on",
    }
    assert "Stale" in shown(met.operator, source, given)
    assert "Sent 5 s before it came" in shown(
        met.operator, source, {**given, "received_at": "1700000005"}
    )


@pytest.mark.parametrize(
    "given",
    [
        {"headers": ""},
        {"headers": "nonsense"},
        {"headers": "x: 1", "body": "%", "is_base64": "on"},
        {"headers": "x: 1", "received_at": "yesterday"},
        {"headers": "x: 1", "received_at": "999999999999"},
        {"headers": "x: 1", "client": "nowhere"},
        {"headers": "x" * 70_000},
    ],
)
def test_what_is_no_request_is_refused_with_a_word_at_the_field(met, source, given):
    answer = signed_in(met.operator).post(page(source), given)
    assert answer.status_code == 422
    assert "cs-errors" in text(answer)
    assert not AuditRecord.objects.filter(action__startswith="webhooks.source").exists()


def test_only_who_may_change_the_source_debugs_it(met, source):
    for method in ("get", "post"):
        assert getattr(signed_in(met.may_not), method)(page(source)).status_code == 403
        assert getattr(signed_in(met.auditor), method)(page(source)).status_code == 403
        assert getattr(signed_in(met.stranger), method)(page(source)).status_code == 404
    theirs = SourceFactory(environment=met.elsewhere)
    address = at(met.environment, "webhooks:debug", source=theirs.slug)
    assert signed_in(met.admin).get(address).status_code == 404


def test_the_source_page_leads_there_for_who_may(met, source):
    address = at(met.environment, "webhooks:source", source=source.slug)
    assert page(source) in text(signed_in(met.operator).get(address))
    assert page(source) not in text(signed_in(met.may_not).get(address))


def stored(source, **fields) -> Event:
    headers = f"x-hub-signature-256: {signature()}\nx-github-delivery: d-1\n".encode()
    given = {"body": BODY.encode(), "headers": headers, "due_at": None} | fields
    return EventFactory(source=source, **given)


def explained(person, event, **query) -> str:
    address = at(event.environment, "webhooks:explain", event=event.public_id)
    answer = signed_in(person).get(address, query)
    assert answer.status_code == 200
    return html.unescape(text(answer))


def test_a_stored_event_is_verified_again_with_the_secret_of_its_time(met, source):
    event = stored(source, received_at=timezone.now() - timedelta(days=1))
    source.secrets.update(not_after=timezone.now() - timedelta(hours=1))
    assert "It is genuine" in explained(met.operator, event)


def test_its_signed_bytes_are_shown_on_demand_and_that_is_recorded(met, source):
    event = stored(source)
    assert '"opened"' not in explained(met.operator, event)
    assert not AuditRecord.objects.filter(action="webhooks.event.body_read").exists()
    assert '"opened"' in explained(met.operator, event, body=1)
    assert AuditRecord.objects.filter(action="webhooks.event.body_read").count() == 1


def test_an_item_leads_to_the_delivery_that_was_signed(met, source):
    delivery = stored(source, event_id="whole")
    item = stored(source, event_id="whole#0", delivery=delivery, item_index=0, body=b"{}")
    told = explained(met.operator, item)
    assert delivery.public_id in told
    assert "It is genuine" in told


def test_a_pruned_event_cannot_be_verified_again(met, source):
    event = stored(source, body=None, headers=None, body_sha256="0" * 64)
    assert "removed after its retention" in explained(met.operator, event)


def test_only_who_may_change_the_source_has_an_event_explained(met, source):
    address = at(met.environment, "webhooks:explain", event=stored(source).public_id)
    assert signed_in(met.may_not).get(address).status_code == 403
    assert signed_in(met.stranger).get(address).status_code == 404
