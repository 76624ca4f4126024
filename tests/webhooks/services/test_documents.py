"""What the intake asked for is fetched from where the scheme allows, and from nowhere else."""

import hashlib
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditRecord
from gateway.http.client import Client
from gateway.http.errors import OutsideError
from gateway.http.guard import Guard
from gateway.http.messages import Answer, Request
from gateway.lib.broker import JobName
from gateway.sweeps import sweep
from tests.factories.webhooks import DocumentFactory, SecretFactory, SourceFactory
from tests.webhooks.door import BROKEN, NOTHING, Door
from tests.webhooks.schemes.amazon import CERTIFICATE, SUBSCRIBE, TOPIC, certificate
from tests.webhooks.schemes.test_langsmith import JWKS, PLACE, SECRET
from webhooks.ingest.tally import MAX_DOCUMENTS, want
from webhooks.models import Document, Source
from webhooks.services.documents import MAX_FAILURES, fetch_due

pytestmark = pytest.mark.django_db
PEM = certificate()


def source_of(scheme: str = "sns", secret: str = TOPIC, **fields: object) -> Source:
    source = SourceFactory(scheme=scheme, **fields)
    SecretFactory(source=source, value=secret)
    return source


def wanted(source: Source, url: str = CERTIFICATE, **fields: object) -> Document:
    options = {"content": None, "fetched_at": None, "due_at": timezone.now()} | fields
    return DocumentFactory(source=source, url=url, **options)


def in_s(document: Document) -> float:
    """Seconds until the document is due again."""
    document.refresh_from_db()
    return (document.due_at - timezone.now()).total_seconds()


def make_due(document: Document, **fields: object) -> None:
    Document.objects.filter(pk=document.pk).update(due_at=timezone.now(), **fields)


def test_certificate_is_fetched_once_and_every_intake_told():
    source = source_of()
    document = wanted(source)
    door = Door({CERTIFICATE: Answer(200, body=PEM)})

    assert fetch_due(door) == 1
    assert fetch_due(door) == 0

    document.refresh_from_db()
    assert door.asked == [CERTIFICATE]
    assert bytes(document.content) == PEM
    assert (document.due_at, document.failures) == (None, 0)
    assert Source.objects.get().version == source.version + 1
    record = AuditRecord.objects.get(action="webhooks.document.fetched")
    assert record.body_json["target"]["id"] == source.public_id
    assert record.body_json["payload_sha256"] == hashlib.sha256(PEM).hexdigest()


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ({}, "https://evil.test/a.pem"),
        ({}, "https://sns.us-west-2.amazonaws.com.evil.test/a.pem"),
        ({}, CERTIFICATE.replace("us-west-2", "us-east-1")),
        ({}, "http://169.254.169.254/latest/meta-data/"),
        ({"secret": TOPIC.replace("us-west-2", "eu-west-1")}, CERTIFICATE),
        ({"is_enabled": False}, CERTIFICATE),
        ({"archived_at": timezone.now()}, CERTIFICATE),
        ({"scheme": "github", "secret": "x" * 32}, CERTIFICATE),
        ({"scheme": "langsmith", "secret": SECRET}, PLACE + "/other"),
    ],
)
def test_address_that_the_scheme_does_not_name_is_forgotten_unvisited(source, url):
    wanted(source_of(**source), url)
    door = Door({url: Answer(200, body=PEM)})

    fetch_due(door)

    assert door.asked == []
    assert not Document.objects.exists()
    assert not AuditRecord.objects.filter(action="webhooks.document.fetched").exists()


def test_document_of_a_secret_that_ended_is_forgotten_by_every_intake():
    source = source_of("langsmith", SECRET)
    source.secrets.update(not_after=timezone.now())
    wanted(source, PLACE, content=JWKS)

    fetch_due(Door({PLACE: Answer(200, body=JWKS)}))

    assert not Document.objects.exists()
    assert Source.objects.get().version == source.version + 1


@pytest.mark.parametrize(
    ("reply", "wait_s", "reason"),
    [
        (Answer(500), 5, "status 500"),
        (Answer(429), 5, "status 429"),
        (Answer(404), 60, "status 404"),
        (Answer(302, {"location": "https://evil.test/"}), 60, "status 302"),
        (Answer(200, body=b"<html>"), 5, "no key or certificate"),
        (Answer(200, body=certificate(name="evil.test")), 5, "no key or certificate"),
        (Answer(200, body=PEM, truncated=True), 60, "too large"),
        (Answer(200, body=PEM + b"\n" * 70_000), 60, "too large"),
        (NOTHING, 5, "No connection"),
        (BROKEN, 5, "broke"),
    ],
)
def test_failure_waits_in_its_row_and_changes_nothing(reply, wait_s, reason):
    source = source_of()
    document = wanted(source)
    door = Door({CERTIFICATE: reply})

    begun = timezone.now()
    assert fetch_due(door) == 1
    assert fetch_due(door) == 0
    left_s = in_s(document)
    took_s = (timezone.now() - begun).total_seconds()

    assert wait_s * 0.75 - took_s <= left_s <= wait_s  # up to a quarter less, by lot
    assert (document.content, reason in document.reason) == (None, True)
    assert door.asked == [CERTIFICATE]
    assert Source.objects.get().version == source.version


def test_after_five_failures_the_wish_is_forgotten():
    document = wanted(source_of())
    door = Door({CERTIFICATE: NOTHING})

    for _ in range(MAX_FAILURES):
        make_due(document)
        fetch_due(door)
    assert len(door.asked) == MAX_FAILURES
    make_due(document)
    fetch_due(door)

    assert len(door.asked) == MAX_FAILURES
    assert not Document.objects.exists()


def test_keys_are_renewed_every_hour_and_told_only_when_they_changed():
    source = source_of("langsmith", SECRET)
    document = wanted(source, PLACE)

    fetch_due(Door({PLACE: Answer(200, body=JWKS)}))
    assert in_s(document) == pytest.approx(3600, abs=60)
    make_due(document)
    fetch_due(Door({PLACE: Answer(200, body=JWKS)}))
    assert Source.objects.get().version == source.version + 1

    changed = json.dumps({"keys": [json.loads(JWKS)["keys"][0] | {"kid": "key-2027"}]}).encode()
    make_due(document)
    fetch_due(Door({PLACE: Answer(200, body=changed)}))

    assert Source.objects.get().version == source.version + 2
    assert bytes(Document.objects.get().content) == changed


def test_keys_stay_while_their_place_is_down():
    document = wanted(source_of("langsmith", SECRET), PLACE, content=JWKS, failures=MAX_FAILURES)

    fetch_due(Door({PLACE: Answer(503)}))

    assert in_s(document) > 60
    assert bytes(document.content) == JWKS


def test_two_workers_do_not_fetch_the_same():
    wanted(source_of())
    second = Door({CERTIFICATE: Answer(200, body=PEM)})

    def slow() -> Answer:
        fetch_due(second)
        return Answer(200, body=PEM)

    fetch_due(Door({CERTIFICATE: slow}))

    assert second.asked == []


def test_sweep_finds_what_the_intake_asked_for(monkeypatch, settle):
    wanted(source_of())
    door = Door({CERTIFICATE: Answer(200, body=PEM)})
    monkeypatch.setattr("webhooks.services.documents.door", door.open)

    assert sweep() == 1
    assert JobName.FETCH_DOCUMENTS in [message.actor_name for message in settle()]

    assert door.asked == [CERTIFICATE]
    assert sweep() == 0


class TestWishes:
    """How the intake asks: at most for so many, and not again at once."""

    def test_first_wish_is_due_at_once(self):
        source, now = source_of(), timezone.now()

        want(source.pk, CERTIFICATE, now)

        assert Document.objects.get().due_at == now

    @pytest.mark.parametrize(("age_s", "is_due"), [(0, False), (299, False), (301, True)])
    def test_what_is_there_is_fetched_again_after_five_minutes(self, age_s, is_due):
        source, now = source_of("langsmith", SECRET), timezone.now()
        fetched_at = now - timedelta(seconds=age_s)
        later = now + timedelta(hours=1)
        wanted(source, PLACE, content=JWKS, fetched_at=fetched_at, due_at=later)

        want(source.pk, PLACE, now)

        assert Document.objects.get().due_at == (now if is_due else later)

    def test_what_failed_keeps_the_time_of_its_next_try(self):
        source, now = source_of(), timezone.now()
        later = now + timedelta(seconds=40)
        old = now - timedelta(days=1)
        wanted(source, content=PEM, fetched_at=old, due_at=later, failures=3)

        want(source.pk, CERTIFICATE, now)

        assert Document.objects.get().due_at == later

    def test_no_flood_of_wishes_fills_the_table(self):
        source = source_of()
        for number in range(MAX_DOCUMENTS + 5):
            url = CERTIFICATE.replace("0a1b", f"{number:04}")
            want(source.pk, url, timezone.now())

        assert Document.objects.count() == MAX_DOCUMENTS

    def test_what_never_came_makes_room(self):
        source = source_of()
        rows = [wanted(source, f"{CERTIFICATE}{number}") for number in range(MAX_DOCUMENTS)]
        make_due(rows[3], failures=1)

        want(source.pk, CERTIFICATE, timezone.now())

        urls = set(Document.objects.values_list("url", flat=True))
        assert CERTIFICATE in urls
        assert rows[3].url not in urls

    def test_one_source_takes_no_room_of_another(self):
        full, other = source_of(), source_of()
        for number in range(MAX_DOCUMENTS):
            wanted(full, f"{CERTIFICATE}{number}")

        want(other.pk, CERTIFICATE, timezone.now())

        assert Document.objects.filter(source=other).count() == 1


@pytest.mark.parametrize("url", [CERTIFICATE, SUBSCRIBE, PLACE])
def test_real_door_takes_these_addresses_as_they_are(url):
    """Up to the look-up of the name: an address in another form would be refused before."""

    def nowhere(host: str, port: int) -> tuple[str, ...]:
        assert port == 443
        raise OSError(host)

    door = Client(guard=Guard.of([], resolve=nowhere))
    with pytest.raises(OutsideError) as caught:
        door.send(Request("GET", url), attempts=1)

    assert caught.value.reason == "name_unresolved"
