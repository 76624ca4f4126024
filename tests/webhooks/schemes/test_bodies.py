"""What a verified body says, read the same way whatever stands in it, and never with an error."""

import pytest

from webhooks.schemes.bodies import MAX_FORM_FIELDS, member, read, text_of

FORM = b"application/x-www-form-urlencoded"


def test_json_is_read_as_json_whatever_its_media_type():
    assert read(b'{"id": 7}', b"text/plain") == {"id": 7}
    assert read(b'\xef\xbb\xbf{"id": 7}', b"application/json") == {"id": 7}


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", '{"id":7}'.encode("utf-16"), b"[" * 100_000, b"9" * 5_000]
)
def test_what_is_no_json_is_nothing(raw):
    assert read(raw, b"application/json") is None


@pytest.mark.parametrize(
    "media_type",
    [FORM, FORM.upper(), FORM + b"; charset=utf-8", b" " + FORM + b" ;a=b;c=d"],
)
def test_a_form_is_known_by_its_media_type(media_type):
    assert read(b"id=7", media_type) == {"id": "7"}


def test_a_form_keeps_empty_fields_and_the_last_of_a_name():
    assert read(b"id=&a=1&a=2&b=x%20y+z", FORM) == {"id": "", "a": "2", "b": "x y z"}


def test_json_inside_a_form_is_read_where_providers_put_it():
    assert read(b'payload=%7B"id":7%7D&other=%7B%7D', FORM) == {
        "payload": {"id": 7}, "other": "{}",
    }  # fmt: skip
    assert read(b"payload=%7B", FORM) == {"payload": None}


@pytest.mark.parametrize("raw", [b"id=\xff", b"id=%ff"])
def test_a_form_that_is_not_utf8_is_nothing(raw):
    assert read(raw, FORM) is None


def test_a_form_of_too_many_fields_is_nothing():
    fields = [f"n{number}={number}" for number in range(MAX_FORM_FIELDS + 1)]

    assert len(read("&".join(fields[:-1]).encode(), FORM)) == MAX_FORM_FIELDS
    assert read("&".join(fields).encode(), FORM) is None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", {"a": [{"b": 1}, 2], "": 3}),
        ("a", [{"b": 1}, 2]),
        ("a.0.b", 1),
        ("a.1", 2),
        ("a.2", None),
        ("a.-1", None),
        ("a.x", None),
        ("a.0.b.c", None),
        ("c", None),
        ("a.99999999999999999999", None),
    ],
)
def test_a_member_is_found_by_its_dotted_path(path, found):
    assert member({"a": [{"b": 1}, 2], "": 3}, path) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (7, "7"), (0, "0"), (True, ""), (None, ""), (1.5, ""), ([], ""), ({}, "")],
)
def test_texts_and_whole_numbers_are_text_and_nothing_else_is(value, text):
    assert text_of(value) == text
