"""Bodies of every kind: 318 JSON documents made to break readers, and tricks with media types."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.lib.strictjson import Ambiguous, parse
from tests.invariants.door import SECRET, Delivery, deliver, standard_source
from tests.people import ready
from tests.webhooks.ingest.wire import exchange, head
from webhooks.ingest.judge import Rejected, check_form
from webhooks.models import Event, Source
from webhooks.routing import read_body
from webhooks.schemes import bodies
from webhooks.schemes.reasons import Reason
from webhooks.schemes.secrets import key_of
from webhooks.schemes.signer import sign
from webhooks.services import NewRoute
from webhooks.states import EventStatus

CORPUS = Path(__file__).resolve().parents[2] / "corpora" / "json-test-suite" / "test_parsing"
DOCUMENTS = {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir())}
JSON = "application/json"


def signed(source: Source, body: bytes, media_type: str | None, *, event_id: str) -> Delivery:
    headers = {} if media_type is None else {"content-type": media_type}
    key = key_of(source.rules, SECRET)
    headers |= sign(source.rules, key, body, event_id=event_id, sent_at=int(time.time()))
    return Delivery(source.address, body, headers)


@pytest.mark.django_db(transaction=True)
def test_every_document_is_kept_as_it_came_and_processed(
    settle: Callable[..., list[Any]],
) -> None:
    routes = [
        NewRoute("deep", "record", when="body.a == 1"),
        NewRoute("first", "record", when="body[0] == 1"),
        NewRoute("typed", "record", when="event.type == 'a'"),
    ]
    source = standard_source(ready().environment, routes=routes)
    names = list(DOCUMENTS)
    wanted = [
        signed(source, body, JSON, event_id=f"msg_{names.index(name)}")
        for name, body in DOCUMENTS.items()
    ]
    answers = Counter(answer.status for answer in deliver(*wanted))
    settle()

    assert answers == {202: 318}
    for event in Event.objects.all():
        assert event.raw == DOCUMENTS[names[int(event.event_id.removeprefix("msg_"))]]
        assert event.status == EventStatus.PROCESSED, (event.event_id, event.last_error)


STRICT = {
    "y_object_duplicated_key.json": "duplicate_key",
    "y_object_duplicated_key_and_value.json": "duplicate_key",
    "y_object_escaped_null_in_key.json": "nul",
    "y_string_null_escape.json": "nul",
}
GREY = {
    "i_number_double_huge_neg_exp.json": "number_precision",
    "i_number_huge_exp.json": "number_precision",
    "i_number_neg_int_huge_exp.json": "number_precision",
    "i_number_pos_double_huge_exp.json": "number_precision",
    "i_number_real_neg_overflow.json": "number_precision",
    "i_number_real_pos_overflow.json": "number_precision",
    "i_number_real_underflow.json": "number_precision",
    "i_number_too_big_neg_int.json": "number_precision",
    "i_number_too_big_pos_int.json": "number_precision",
    "i_number_very_big_negative_int.json": "number_precision",
    "i_object_key_lone_2nd_surrogate.json": "lone_surrogate",
    "i_string_1st_surrogate_but_2nd_missing.json": "lone_surrogate",
    "i_string_1st_valid_surrogate_2nd_invalid.json": "lone_surrogate",
    "i_string_UTF-16LE_with_BOM.json": "not_json",
    "i_string_UTF-8_invalid_sequence.json": "not_json",
    "i_string_UTF8_surrogate_U+D800.json": "not_json",
    "i_string_incomplete_surrogate_and_escape_valid.json": "lone_surrogate",
    "i_string_incomplete_surrogate_pair.json": "lone_surrogate",
    "i_string_incomplete_surrogates_escape_valid.json": "lone_surrogate",
    "i_string_invalid_lonely_surrogate.json": "lone_surrogate",
    "i_string_invalid_surrogate.json": "lone_surrogate",
    "i_string_invalid_utf-8.json": "not_json",
    "i_string_inverted_surrogates_U+1D11E.json": "lone_surrogate",
    "i_string_iso_latin_1.json": "not_json",
    "i_string_lone_second_surrogate.json": "lone_surrogate",
    "i_string_lone_utf8_continuation_byte.json": "not_json",
    "i_string_not_in_unicode_range.json": "not_json",
    "i_string_overlong_sequence_2_bytes.json": "not_json",
    "i_string_overlong_sequence_6_bytes.json": "not_json",
    "i_string_overlong_sequence_6_bytes_null.json": "not_json",
    "i_string_truncated-utf-8.json": "not_json",
    "i_string_utf16BE_no_BOM.json": "not_json",
    "i_string_utf16LE_no_BOM.json": "not_json",
    "i_structure_500_nested_arrays.json": "too_deep",
    "i_structure_UTF-8_BOM_empty_object.json": "not_json",
}


def test_strict_reader_decides_the_whole_corpus() -> None:
    """95 documents are JSON, 188 are not, and readers differ about 35."""
    refused: dict[str, dict[str, str]] = {"y": {}, "n": {}, "i": {}}
    for name, body in DOCUMENTS.items():
        try:
            parse(body)
        except Ambiguous as error:
            refused[name[0]][name] = error.reason

    assert Counter(name[0] for name in DOCUMENTS) == {"y": 95, "n": 188, "i": 35}
    assert refused["y"] == STRICT
    assert len(refused["n"]) == 188
    assert refused["i"] == GREY


# The media type, and the status of a genuine delivery of the scheme `standard`.
MEDIA_TYPES = [
    ("application/json", 202),
    ("APPLICATION/JSON", 202),
    (" application/json ", 202),
    ("application/json;charset=utf-8", 202),
    ('application/json; charset="utf-8"; charset=utf-16', 202),
    ("application/json; charset=utf-16", 202),
    ("application/json; charset=utf-7", 202),
    ("application/json; boundary=x; multipart/form-data", 202),
    ("application/vnd.github+json", 202),
    ("application/cloudevents+json; charset=utf-8", 202),
    ("application/x-www-form-urlencoded", 202),
    ("text/plain", 415),
    ("text/plain; application/json", 415),
    ("text/json", 415),
    ("text/html", 415),
    ("text/xml", 415),
    ("application/xml", 415),
    ("application/octet-stream", 415),
    ("application/jsonp", 415),
    ("application/json/x", 415),
    ("application/json, text/html", 415),
    ("text/html, application/json", 415),
    ("application/*+json", 415),
    ("*/*", 415),
    ("image/svg+json", 415),
    ("multipart/form-data; boundary=x", 415),
    ("multipart/mixed; boundary=x", 415),
    ("json", 415),
    (";application/json", 415),
    ("", 415),
    (None, 415),
]


@pytest.mark.django_db(transaction=True)
def test_media_types_are_decided_by_a_table() -> None:
    source = standard_source(ready().environment)
    wanted = [
        signed(
            source,
            b'--x\r\nContent-Type: application/json\r\n\r\n{"a": 1}',
            given,
            event_id=f"m{n}",
        )
        for n, (given, _) in enumerate(MEDIA_TYPES)
    ]
    found = [
        (given, answer.status)
        for (given, _), answer in zip(MEDIA_TYPES, deliver(*wanted), strict=True)
    ]
    assert found == MEDIA_TYPES
    assert Event.objects.count() == sum(status == 202 for _, status in MEDIA_TYPES)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([(b"content-encoding", b"identity")], None),
        ([(b"content-encoding", b"Identity")], None),
        ([(b"content-encoding", b"gzip")], Reason.MEDIA_TYPE),
        ([(b"content-encoding", b"br")], Reason.MEDIA_TYPE),
        ([(b"content-encoding", b"zstd")], Reason.MEDIA_TYPE),
        ([(b"content-encoding", b"")], Reason.MEDIA_TYPE),
        ([(b"content-encoding", b"gzip, identity")], Reason.MEDIA_TYPE),
        ([(b"content-encoding", b"gzip"), (b"content-encoding", b"identity")], Reason.MEDIA_TYPE),
        ([(b"content-type", b"application/json")], Reason.MEDIA_TYPE),
        ([(b"content-type", b"application/x-www-form-urlencoded")], Reason.MEDIA_TYPE),
        ([(b"x", b"y")] * 99, None),
        ([(b"x", b"y")] * 100, Reason.TOO_MANY_HEADERS),
    ],
)
def test_form_of_a_request_is_decided_before_anything_of_it_is_read(lines, reason) -> None:
    headers = [(b"content-type", b"application/json"), *lines]
    if reason is None:
        check_form(headers, dict(headers), max_body_bytes=10)
        return
    with pytest.raises(Rejected) as caught:
        check_form(headers, dict(headers), max_body_bytes=10)
    assert caught.value.reason is reason


@pytest.mark.django_db(transaction=True)
def test_media_type_that_is_there_twice_is_refused(server) -> None:
    lines = [b"Content-Type: application/json", b"Content-Type: application/json"]
    answer = exchange(server, head("/webhooks/a", *lines, b"Content-Length: 2"), b"{}")

    assert (answer.status, answer.body) == (415, b'{"error":"unsupported_media_type"}')


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_other_encodings_mean_the_same_to_every_reader(encoding: str) -> None:
    body = '{"type": "ä"}'.encode(encoding)

    assert bodies.read(body, b"application/json; charset=" + encoding.encode()) == read_body(
        body, f"application/json; charset={encoding}"
    )
