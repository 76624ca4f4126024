"""The schemes that are checked by code, over a really started server: what is fetched, and when."""

import hashlib
import json
import time
from collections.abc import Callable

import httpx
import pytest
from twilio.request_validator import RequestValidator

from gateway.http.messages import Answer
from tests.factories.webhooks import SecretFactory, SourceFactory
from tests.webhooks.door import Door
from tests.webhooks.ingest.serving import Server
from tests.webhooks.schemes.amazon import CERTIFICATE, TEXT, TOPIC, certificate, changed, message
from tests.webhooks.schemes.deliveries import FORM, JSON
from tests.webhooks.schemes.test_langsmith import HEADER, JWKS, PLACE, SECRET, claims, signed
from webhooks.models import Document, Event, Refusal, Source
from webhooks.services.documents import fetch_due

pytestmark = pytest.mark.django_db(transaction=True)
UNAVAILABLE = {"error": "unavailable"}
NOT_GENUINE = {"error": "invalid_signature"}

Post = Callable[..., httpx.Response]


def source_of(scheme: str, secret: str) -> Source:
    source = SourceFactory(scheme=scheme)
    SecretFactory(source=source, value=secret)
    return source


@pytest.fixture
def post(server: Server) -> Post:
    """Sends a body to a source; gives the answer."""

    def send(
        source: Source, body: bytes, headers: dict[str, str], *, query: str = ""
    ) -> httpx.Response:
        with server.client() as client:
            path = f"/webhooks/{source.address}"
            return client.post(path, content=body, headers=headers, params=query or None)

    return send


def arrives(post: Post, until: Callable[..., None], *given: object) -> httpx.Response:
    """The first answer that is not "try again": intake processes notice a change in a second."""
    last: list[httpx.Response] = []

    def is_answered() -> bool:
        last.append(post(*given))
        return last[-1].status_code != 503

    until(is_answered)
    return last[-1]


def test_first_message_of_a_topic_waits_for_the_certificate(post, until):
    source = source_of("sns", TOPIC)
    now = time.time()
    body = message(sent_at=now)

    first = post(source, body, TEXT)
    assert (first.status_code, first.json()) == (503, UNAVAILABLE)
    assert first.headers["retry-after"] == "5"
    assert not Event.objects.exists()

    until(Document.objects.exists)
    assert fetch_due(Door({CERTIFICATE: Answer(200, body=certificate(begins=now - 60))})) == 1
    again = arrives(post, until, source, body, TEXT)

    assert again.status_code == 202
    event = Event.objects.get()
    assert (event.raw, event.event_id) == (body, "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324")
    assert post(source, body, TEXT).status_code == 200


def test_certificate_of_a_forger_is_never_fetched(post, until):
    source = source_of("sns", TOPIC)
    genuine = message(sent_at=time.time())
    places = [
        "https://evil.test/a.pem",
        "https://sns.us-west-2.amazonaws.com.evil.test/a.pem",
        "https://sns.us-west-2.amazonaws.com@evil.test/a.pem",
        "https://sns.us-west-2.amazonaws.com:8443/a.pem",
        "http://169.254.169.254/a.pem",
    ]

    answers = [post(source, changed(genuine, SigningCertURL=place), TEXT) for place in places]
    # Nor that of a topic which is not the source's.
    answers.append(post(source, changed(genuine, TopicArn=TOPIC + "x"), TEXT))

    assert [answer.status_code for answer in answers] == [401] * len(answers)
    assert [answer.json() for answer in answers] == [NOT_GENUINE] * len(answers)
    own = source.refusals.values_list("count", flat=True)
    until(lambda: sum(own.all()) == len(answers))
    assert not Document.objects.exists()
    assert not Event.objects.exists()


def test_keys_of_langsmith_are_fetched_once_for_all(post, until):
    source = source_of("langsmith", SECRET)
    body = json.dumps({"identity": {"tenant_id": SECRET.split(" ")[1]}}).encode()
    now = time.time()
    given = claims(body, aud=source.signed_url, iat=now, exp=now + 60)

    def sent(**header: str) -> httpx.Response:
        return post(source, body, {"content-type": JSON, HEADER: signed(given, **header)})

    assert sent().status_code == 503
    until(Document.objects.exists)
    fetch_due(Door({PLACE: Answer(200, body=JWKS)}))
    until(lambda: sent().status_code == 200)

    assert Event.objects.count() == 1
    # An unknown key is asked for, but not within five minutes of the last time.
    assert sent(kid="key-2027").status_code == 503
    until(lambda: Refusal.objects.filter(reason="key_not_fetched_yet").exists())
    assert fetch_due(Door()) == 0


def test_twilio_signs_the_query_that_came(post):
    source = source_of("twilio", "t" * 32)
    validator = RequestValidator("t" * 32)
    text = '{"type":"com.twilio.message"}'
    query = "bodySHA256=" + hashlib.sha256(text.encode()).hexdigest()
    by_json = validator.compute_signature(f"{source.signed_url}?{query}", {})
    by_form = validator.compute_signature(source.signed_url, {"SmsStatus": "sent", "To": "+1"})

    answers = [
        post(source, text.encode(), {"content-type": JSON, "x-twilio-signature": by_json},
             query=query),
        post(source, b"To=%2B1&SmsStatus=sent",
             {"content-type": FORM, "x-twilio-signature": by_form}),
        post(source, b"To=%2B1&SmsStatus=read",
             {"content-type": FORM, "x-twilio-signature": by_form}),
    ]  # fmt: skip

    assert [answer.status_code for answer in answers] == [202, 202, 401]


def test_microsoft_is_told_that_somebody_is_there(post):
    source = source_of("msgraph", "s" * 32)
    query = "validationToken=Validation%3A%20%3Cscript%3E"

    answer = post(source, b"", {"content-type": "text/plain; charset=utf-8"}, query=query)

    assert (answer.status_code, answer.text) == (200, "Validation: <script>")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not Event.objects.exists()


def test_microsofts_batch_is_stored_as_it_came(post):
    source = source_of("msgraph", "s" * 32)
    good = json.dumps({"value": [{"clientState": "s" * 32}]}).encode()
    bad = json.dumps({"value": [{"clientState": "s" * 32}, {"clientState": "x"}]}).encode()

    answers = [post(source, body, {"content-type": JSON}) for body in (good, bad)]

    assert [answer.status_code for answer in answers] == [202, 401]
    assert Event.objects.get().raw == good
