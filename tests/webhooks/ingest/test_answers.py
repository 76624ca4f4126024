"""Every answer of the contract, over a really started server."""

import gzip
import json

import pytest

from gateway.lib import ids
from tests.webhooks.ingest.serving import Sender
from webhooks.models import Event, Source

pytestmark = pytest.mark.django_db(transaction=True)
GENUINE = {"error": "invalid_signature"}


def test_new_event_is_accepted_and_committed_as_sent(sender):
    body = b'{"type":"order.created","text":"caf\xc3\xa9"}'

    answer = sender.send(body, event_id="msg_1", headers={"x-correlation-id": "cor_abc"})

    event = Event.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "event": event.public_id}
    assert event.raw == body
    assert event.correlation_id == answer.headers["x-correlation-id"] == "cor_abc"
    assert (event.event_id, event.source, event.environment) == (
        "msg_1", sender.source, sender.source.environment,
    )  # fmt: skip
    assert dict(event.header_pairs)["webhook-id"] == "msg_1"


def test_second_delivery_is_a_duplicate_of_the_first(sender):
    first = sender.send(event_id="msg_1")
    again = sender.send(event_id="msg_1")

    assert again.status_code == 200
    assert again.json() == {"status": "duplicate", "event": first.json()["event"]}
    assert Event.objects.count() == 1


def test_trailing_slash_is_optional_and_correlation_begins_with_the_event(sender):
    answer = sender.send(
        path=f"/webhooks/{sender.source.address}/", headers={"x-correlation-id": "not well formed"}
    )

    assert answer.status_code == 202
    assert Event.objects.get().correlation_id == answer.json()["event"]


def test_whatever_is_not_genuine_gets_one_and_the_same_answer(sender):
    good = {"webhook-signature": sender.request(event_id="a").headers["webhook-signature"]}
    answers = [
        sender.send(path="/webhooks/in_" + "0" * 26),
        sender.send(path="/webhooks/no.such"),
        sender.send(path="/webhooks/"),
        sender.send(path="/webhooks/%ff%00"),
        sender.send(headers={"webhook-signature": None}),
        sender.send(headers={"webhook-signature": "v1,!!!"}),
        sender.send(event_id="b", headers=good),
        sender.send(sent_at=1_000_000_000),
        sender.send(sent_at=4_000_000_000),
        sender.send(event_id="a.b"),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert [answer.json() for answer in answers] == [GENUINE] * len(answers)
    assert len({tuple(sorted(dict(answer.headers).keys())) for answer in answers}) == 1
    assert not Event.objects.exists()


def test_disabled_and_archived_sources_refuse_at_once(sender):
    assert sender.send().status_code == 202

    Source.objects.filter(pk=sender.source.pk).update(is_enabled=False, version=2)

    # The source is read again within a second; what is refused is judged by a fresh reading.
    answers = iter(lambda: sender.send().status_code, None)
    assert next(code for code in answers if code != 202) == 401


def test_new_source_works_at_once(sender, make_source):
    assert sender.send().status_code == 202

    other, secret = make_source("github")
    sender.source, sender.secret = other, secret

    assert sender.send().status_code == 202


def test_head_says_the_same_of_every_address(sender):
    """Some providers try an address with HEAD before they take it."""
    for address in (sender.source.address, "in_" + "0" * 26):
        answer = sender.client.head(f"/webhooks/{address}")

        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_not_allowed(sender, method):
    answer = sender.client.request(method, f"/webhooks/{sender.source.address}")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/cloudevents+json",
     "application/x-www-form-urlencoded", "Application/JSON"],
)  # fmt: skip
def test_media_types_of_webhooks_are_taken(sender, content_type):
    assert sender.send(headers={"content-type": content_type}).status_code == 202


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "application/octet-stream"}, {"content-type": "text/html"},
     {"content-type": None}, {"content-encoding": "gzip"}, {"content-encoding": "br"}],
)  # fmt: skip
@pytest.mark.parametrize("is_known", [True, False])
def test_other_media_types_and_encodings_are_refused(sender, headers, is_known):
    path = {} if is_known else {"path": "/webhooks/in_" + "0" * 26}

    answer = sender.send(gzip.compress(b"{}"), headers=headers, **path)

    assert (answer.status_code, answer.json()) == (415, {"error": "unsupported_media_type"})


@pytest.mark.parametrize("content_type", ["text/plain", "text/plain; charset=utf-8"])
def test_media_type_of_another_scheme_is_refused_only_once_the_signature_is_known(
    sender, content_type
):
    headers = {"content-type": content_type}
    unknown = sender.send(headers=headers, path="/webhooks/in_" + "0" * 26)
    forged = sender.send(headers=headers | {"webhook-signature": "v1,AAAA"})

    assert (unknown.status_code, unknown.content) == (forged.status_code, forged.content)
    assert unknown.status_code == 401
    assert sender.send(headers=headers).status_code == 415
    assert Event.objects.count() == 0


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_body_beyond_the_limit_is_refused_for_known_and_unknown_alike(sender, is_known, is_chunked):
    body = b"x" * (1024 * 1024 + 1)
    request = sender.request(body)
    path = sender.source.address if is_known else "in_" + "0" * 26
    content = iter([body[:600_000], body[600_000:]]) if is_chunked else body
    kept = {k: v for k, v in request.headers.items() if k != "content-length"}

    answer = sender.client.post(f"/webhooks/{path}", content=content, headers=kept)

    assert (answer.status_code, answer.json()) == (413, {"error": "too_large"})


def test_largest_body_is_taken_whole(sender):
    body = b'"' + b"x" * (1024 * 1024 - 2) + b'"'

    assert sender.send(body).status_code == 202
    assert Event.objects.get().raw == body


def test_limits_of_a_source_count_only_once_the_signature_is_known(uvicorn, make_source):
    source, secret = make_source(settings={"max_body_bytes": 10, "rate_per_s": 2})
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        bad = {"webhook-signature": "v1,AAAA"}
        assert sender.send(b"x" * 11, headers=bad).status_code == 401
        too_large = sender.send(b"x" * 11)
        codes = [sender.send(headers=bad).status_code for _ in range(4)]
        fast = [sender.send() for _ in range(6)]

    assert (too_large.status_code, too_large.json()) == (413, {"error": "too_large"})
    assert codes == [401] * 4
    assert fast[0].status_code == 202
    limited = [answer for answer in fast if answer.status_code == 429]
    assert limited
    assert limited[0].headers["retry-after"] == "1"
    assert limited[0].json() == {"error": "too_many_requests"}


def test_address_that_is_not_allowed_looks_like_a_wrong_signature(uvicorn, make_source):
    with uvicorn.client() as client:
        for networks, status in ((["192.0.2.0/24"], 401), (["127.0.0.0/8"], 202)):
            source, secret = make_source(settings={"ip_allow": networks})
            answer = Sender(source, secret, client).send(headers={"x-forwarded-for": "192.0.2.7"})
            assert answer.status_code == status


@pytest.mark.parametrize("status", [200, 202, 204])
def test_source_may_choose_its_success_status(uvicorn, make_source, status):
    source, secret = make_source(settings={"success_status": status})
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        first, again = sender.send(event_id="a"), sender.send(event_id="a")

    assert [first.status_code, again.status_code] == [status, status]
    assert bool(first.content) is (status != 204)


def test_credentials_among_the_headers_are_not_kept(sender):
    sender.send(headers={"authorization": "Bearer abc", "cookie": "a=b", "x-kept": "yes"})

    names = [name for name, _ in Event.objects.get().header_pairs]
    assert "x-kept" in names
    assert not {"authorization", "cookie"} & set(names)


def test_each_delivery_leaves_one_line_without_its_body(uvicorn, make_source, until):
    source, secret = make_source()
    before = len(uvicorn.logged())
    with uvicorn.client() as client:
        sender = Sender(source, secret, client)
        accepted = sender.send(b'{"private":"words"}').json()["event"]
        sender.send(headers={"webhook-signature": "v1,AAAA"})

    # A line is written after its answer.
    until(lambda: uvicorn.logged()[before:].count("\n") == 2)
    first, second = (json.loads(line) for line in uvicorn.logged()[before:].splitlines())
    assert (first["id"], first["source"], first["status"]) == (accepted, source.public_id, 202)
    assert (second["reason"], second["status"]) == ("malformed_signature", 401)
    assert "words" not in uvicorn.logged()
    assert source.address not in uvicorn.logged()


def test_event_id_in_the_answer_is_that_of_the_row(sender):
    answer = sender.send()

    assert ids.decode("evt", answer.json()["event"]) == Event.objects.get().pk
