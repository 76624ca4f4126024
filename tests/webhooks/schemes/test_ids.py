"""What identifies an event: read from where the scheme says, bounded, and never ambiguous."""

import hashlib
import hmac
import json

import pytest

from tests.webhooks.schemes.keys import KEY, verify
from webhooks.schemes.base import Delivery, Fallback, Scheme
from webhooks.schemes.reasons import Reason, Unverified

NOW = 1_790_000_000


def scheme_of(**fields: object) -> Scheme:
    given = {"name": "tried", "title": "Tried", "signature_headers": ("x-signature",)}
    return Scheme(**given | fields)  # type: ignore[arg-type]


def delivered(
    scheme: Scheme, body: bytes, *, signed: bytes | None = None, **headers: str
) -> Delivery:
    signature = hmac.digest(KEY, body if signed is None else signed, "sha256").hex()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(n.encode(), v.encode()) for n, v in ({"x-signature": signature} | named).items()]
    return verify(scheme, [KEY], pairs, body, now=NOW)


def sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@pytest.mark.parametrize("text", ["x", "x" * 128, "a b", "a~b"])
def test_an_id_in_the_body_is_taken_as_it_is(text):
    scheme = scheme_of(ids=("body:id",))

    assert delivered(scheme, json.dumps({"id": text}).encode()).event_id == text


@pytest.mark.parametrize("text", ["x" * 129, "caf\u00e9", "a\nb", "\ud800", "\u202e"])
def test_an_id_that_the_column_could_not_hold_is_named_by_its_digest(text):
    scheme = scheme_of(ids=("body:id",))

    assert delivered(scheme, json.dumps({"id": text}).encode()).event_id == sha256(text)


def test_parts_of_an_id_are_joined_so_that_no_two_ids_are_one():
    scheme = scheme_of(ids=("body:a body:b",))

    def named(a: str, b: str) -> str:
        return delivered(scheme, json.dumps({"a": a, "b": b}).encode()).event_id

    assert named("x", "y") == "x:y"
    assert named("x:y", "z") == '["x:y", "z"]'
    assert named("x", "y:z") == '["x", "y:z"]'


def test_the_first_place_that_has_an_id_counts_and_half_of_one_is_none():
    scheme = scheme_of(ids=("body:a body:b", "header:x-id", "body:c"))

    def named(body: dict[str, str], **headers: str) -> str:
        return delivered(scheme, json.dumps(body).encode(), **headers).event_id

    assert named({"a": "1", "b": "2", "c": "3"}, x_id="4") == "1:2"
    assert named({"a": "1", "c": "3"}, x_id="4") == "4"
    assert named({"a": "1", "c": "3"}) == "3"


def test_an_odd_id_in_a_header_is_refused_wherever_the_header_stands():
    for ids in (("header:x-id",), ("body:a", "header:x-id"), ("body:b header:x-id",)):
        with pytest.raises(Unverified) as caught:
            delivered(scheme_of(ids=ids), b'{"b":"1"}', x_id="a b")
        assert caught.value.reason is Reason.MALFORMED_ID


@pytest.mark.parametrize(
    ("fallback", "event_id"),
    [(Fallback.DIGEST, sha256("{}")), (Fallback.RECEIPT, ""), (Fallback.REFUSE, None)],
)
def test_without_an_id_the_scheme_says_what_counts(fallback, event_id):
    scheme = scheme_of(ids=("body:id",), id_fallback=fallback)

    if event_id is not None:
        assert delivered(scheme, b"{}").event_id == event_id
        return
    with pytest.raises(Unverified) as caught:
        delivered(scheme, b"{}")
    assert caught.value.reason is Reason.MISSING


def test_a_header_may_be_a_part_of_what_is_signed():
    scheme = scheme_of(signed="{header:x-topic}|{body}", ids=("body:id",))

    assert delivered(scheme, b'{"id":"1"}', signed=b'a|{"id":"1"}', x_topic="a").event_id == "1"
    with pytest.raises(Unverified) as caught:
        delivered(scheme, b'{"id":"1"}', signed=b'a|{"id":"1"}', x_topic="b")
    assert caught.value.reason is Reason.WRONG_SIGNATURE
    with pytest.raises(Unverified) as caught:
        delivered(scheme, b'{"id":"1"}', signed=b'a|{"id":"1"}')
    assert caught.value.reason is Reason.MISSING
